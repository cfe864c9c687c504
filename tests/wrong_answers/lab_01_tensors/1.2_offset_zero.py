# expects: name no offset
def sliding_windows(images, size):
    n, h, w = images.shape
    a, b, c = images.stride()
    return torch.as_strided(images, (n, h - size + 1, w - size + 1, size, size), (a, b, c, b, c), 0)
