# expects: should have the shape
def motion(clip: Tensor) -> Tensor:
    frames = clip.float()
    return (frames[1:] - frames[:-1]).abs().mean()
