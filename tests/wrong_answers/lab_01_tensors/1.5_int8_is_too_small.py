# expects: int8 ends at 127
def motion(clip: Tensor) -> Tensor:
    frames = clip.to(torch.int8)
    return (frames[1:] - frames[:-1]).float().abs().mean(dim=(1, 2))
