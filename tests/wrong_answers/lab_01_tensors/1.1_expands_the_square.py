# expects: Subtract first, then square
def pairwise_distances(a: Tensor, b: Tensor) -> Tensor:
    squares = (a**2).sum(dim=1)[:, None] + (b**2).sum(dim=1) - 2 * a @ b.T
    return squares.clamp(min=0).sqrt()
