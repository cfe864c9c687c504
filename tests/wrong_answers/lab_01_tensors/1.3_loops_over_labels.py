# expects: it loops in Python
def one_hot(labels: Tensor, classes: int) -> Tensor:
    rows = torch.zeros(labels.numel(), classes)
    for row, label in zip(rows, labels.flatten().tolist()):
        row[label] = 1.0
    return rows.reshape(*labels.shape, classes)
