# expects: Return grey levels
def motion(clip: Tensor) -> Tensor:
    frames = clip.float() / 255
    return (frames[1:] - frames[:-1]).abs().mean(dim=(1, 2))
