# expects: Take the strides from the images
def sliding_windows(images: Tensor, size: int) -> Tensor:
    n, h, w = images.shape
    return images.as_strided((n, h - size + 1, w - size + 1, size, size), (h * w, w, 1, w, 1))
