# expects: Count the places where a window can begin
def sliding_windows(images: Tensor, size: int) -> Tensor:
    n, h, w = images.shape
    to_next, down, right = images.stride()
    return images.as_strided((n, h, w, size, size), (to_next, down, right, down, right))
