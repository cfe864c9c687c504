# expects: no scatter wrote them
def one_hot(labels: Tensor, classes: int) -> Tensor:
    return (labels[..., None] == torch.arange(classes)).float()
