# expects: Rows and columns are swapped
def pairwise_distances(a: Tensor, b: Tensor) -> Tensor:
    return ((a - b[:, None]) ** 2).sum(dim=-1).sqrt()
