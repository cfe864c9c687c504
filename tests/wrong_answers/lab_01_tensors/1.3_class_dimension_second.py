# expects: The class dimension is the last one
def one_hot(labels: Tensor, classes: int) -> Tensor:
    rows = torch.zeros(len(labels), classes, *labels.shape[1:])
    return rows.scatter_(1, labels.long()[:, None], 1.0)
