# expects: Do not call `backward()`
def unreached(loss, parameters):
    for parameter in parameters.values():
        parameter.grad = None
    loss.backward(retain_graph=True)
    return [name for name, parameter in parameters.items() if parameter.grad is None]
