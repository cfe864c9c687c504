# expects: For a single frame your code raised
def motion(clip):
    clip = clip.float()
    return torch.stack([(clip[t + 1] - clip[t]).abs().mean() for t in range(len(clip) - 1)])
