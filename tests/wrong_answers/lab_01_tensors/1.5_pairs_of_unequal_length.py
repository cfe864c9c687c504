# expects: both have t − 1 frames
def motion(clip: Tensor) -> Tensor:
    frames = clip.float()
    return (frames[1:] - frames).abs().mean(dim=(1, 2))
