# expects: The last piece may be smaller
def accumulate(loss_function, weight: Tensor, inputs: Tensor, targets: Tensor, chunk: int) -> float:
    """Leave the gradient of the mean loss over all rows in weight.grad, `chunk` rows at a time; return that loss."""
    weight.grad = None
    total = 0.0
    for start in range(0, len(inputs) - chunk + 1, chunk):
        rows, truth = inputs[start : start + chunk], targets[start : start + chunk]
        loss = loss_function(weight, rows, truth) * (len(rows) / len(inputs))
        loss.backward()
        total += loss.item()
    return total
