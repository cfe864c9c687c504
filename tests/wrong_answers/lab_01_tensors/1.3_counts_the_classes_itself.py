# expects: A class that does not occur in this batch
def one_hot(labels: Tensor, classes: int) -> Tensor:
    labels = labels.long()
    return torch.zeros(*labels.shape, int(labels.max()) + 1).scatter_(-1, labels[..., None], 1.0)
