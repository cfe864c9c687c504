# expects: The sum ran over points
def pairwise_distances(a: Tensor, b: Tensor) -> Tensor:
    return ((a[:, None] - b) ** 2).sum(dim=1).sqrt()
