# expects: The last row and the last column of windows are missing
def sliding_windows(images: Tensor, size: int) -> Tensor:
    n, h, w = images.shape
    to_next, down, right = images.stride()
    return images.as_strided((n, h - size, w - size, size, size), (to_next, down, right, down, right))
