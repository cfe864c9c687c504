# expects: An index of scatter has to be int64
def one_hot(labels: Tensor, classes: int) -> Tensor:
    return torch.zeros(*labels.shape, classes).scatter_(-1, labels[..., None], 1.0)
