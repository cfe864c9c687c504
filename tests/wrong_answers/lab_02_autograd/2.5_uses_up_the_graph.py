# expects: used up what the nodes had saved
def unreached(loss, parameters):
    if loss.grad_fn is None:
        return list(parameters)
    gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    return [name for name, g in zip(parameters, gradients) if g is None]
