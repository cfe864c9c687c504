# expects: In uint8, 3 − 5 is 254
def motion(clip: Tensor) -> Tensor:
    return (clip[1:] - clip[:-1]).float().abs().mean(dim=(1, 2))
