# expects: The windows do not show the right pixels
def sliding_windows(images: Tensor, size: int) -> Tensor:
    n, h, w = images.shape
    images = torch.cat([images] * (size * size))  # because as_strided said "out of bounds"
    to_next, down, right = images.stride()
    return images.as_strided(
        (n, h - size + 1, w - size + 1, size, size), (to_next, size * down, size * right, down, right)
    )
