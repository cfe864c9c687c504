# expects: at most 4 were allowed
def accumulate(loss_function, weight, inputs, targets, chunk):
    weight.grad = None
    loss = loss_function(weight, inputs, targets)
    loss.backward()
    return loss.item()
