# expects: nor does `requires_grad`
def unreached(loss, parameters):
    return [name for name, parameter in parameters.items() if not parameter.requires_grad]
