# expects: The index needs as many dimensions as the result
def one_hot(labels: Tensor, classes: int) -> Tensor:
    return torch.zeros(*labels.shape, classes).scatter_(-1, labels.long(), 1.0)
