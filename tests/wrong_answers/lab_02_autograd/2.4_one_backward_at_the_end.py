# expects: all graphs are in memory at once
def accumulate(loss_function, weight: Tensor, inputs: Tensor, targets: Tensor, chunk: int) -> float:
    """Leave the gradient of the mean loss over all rows in weight.grad, `chunk` rows at a time; return that loss."""
    weight.grad = None
    total = 0.0
    for rows, truth in zip(inputs.split(chunk), targets.split(chunk)):
        loss = loss_function(weight, rows, truth) * (len(rows) / len(inputs))
        total = total + loss
    total.backward()
    return total.item()
