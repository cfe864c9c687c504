# expects: A gradient of 0 is a gradient
def unreached(loss, parameters):
    if loss.grad_fn is None:
        return list(parameters)
    gradients = torch.autograd.grad(loss, list(parameters.values()), retain_graph=True, allow_unused=True)
    return [name for name, g in zip(parameters, gradients) if g is None or not g.any()]
