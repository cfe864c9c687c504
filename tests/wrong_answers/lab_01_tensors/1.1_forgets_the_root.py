# expects: These are the squared distances
def pairwise_distances(a: Tensor, b: Tensor) -> Tensor:
    return ((a[:, None] - b) ** 2).sum(dim=-1)
