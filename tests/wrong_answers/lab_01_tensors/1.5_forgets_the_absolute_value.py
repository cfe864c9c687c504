# expects: Take the absolute difference before the mean
def motion(clip: Tensor) -> Tensor:
    frames = clip.float()
    return (frames[1:] - frames[:-1]).mean(dim=(1, 2)).abs()
