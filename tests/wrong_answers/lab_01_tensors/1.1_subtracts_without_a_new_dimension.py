# expects: puts in a dimension of length 1
def pairwise_distances(a: Tensor, b: Tensor) -> Tensor:
    return ((a - b) ** 2).sum(dim=-1).sqrt()
