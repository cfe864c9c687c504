# expects: Make no tensor of a fixed dtype
def pairwise_distances(a: Tensor, b: Tensor) -> Tensor:
    return ((a[:, None] - b) ** 2).sum(dim=-1).sqrt().float()
