# expects: For a loss without any graph, unreached returned []
def unreached(loss, parameters):
    if loss.grad_fn is None: return []
    gs = torch.autograd.grad(loss, list(parameters.values()), retain_graph=True, allow_unused=True)
    return [k for k, g in zip(parameters, gs) if g is None]
