# expects: should have the dtype float32; it has int64
def one_hot(labels: Tensor, classes: int) -> Tensor:
    return torch.zeros(*labels.shape, classes, dtype=torch.int64).scatter_(-1, labels.long()[..., None], 1)
