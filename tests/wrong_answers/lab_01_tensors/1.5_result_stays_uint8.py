# expects: makes a tensor that cannot hold a fraction
def motion(clip: Tensor) -> Tensor:
    frames = clip.float()
    result = torch.zeros(len(clip) - 1, dtype=clip.dtype)
    for t in range(len(clip) - 1):
        result[t] = (frames[t + 1] - frames[t]).abs().mean()
    return result
