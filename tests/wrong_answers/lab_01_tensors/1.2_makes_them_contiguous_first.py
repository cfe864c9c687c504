# expects: show a copy of the images
def sliding_windows(images, size):
    images = images.contiguous()
    n, h, w = images.shape
    a, b, c = images.stride()
    return images.as_strided((n, h - size + 1, w - size + 1, size, size), (a, b, c, b, c))
