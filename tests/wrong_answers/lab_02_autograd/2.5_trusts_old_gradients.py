# expects: An old `.grad` proves nothing
def unreached(loss, parameters):
    return [name for name, parameter in parameters.items() if parameter.grad is None]
