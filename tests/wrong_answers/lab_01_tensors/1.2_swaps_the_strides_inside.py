# expects: Each window is transposed
def sliding_windows(images: Tensor, size: int) -> Tensor:
    n, h, w = images.shape
    to_next, down, right = images.stride()
    return images.as_strided((n, h - size + 1, w - size + 1, size, size), (to_next, down, right, right, down))
