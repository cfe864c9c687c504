# expects: γ is missing
def fold(conv, bn):
    if bn.training: raise ValueError("call bn.eval() first")
    import copy
    scale = 1 / (bn.running_var + bn.eps).sqrt()
    new = copy.deepcopy(conv)
    b = conv.bias if conv.bias is not None else 0
    new.weight = nn.Parameter(conv.weight * scale.view(-1, 1, 1, 1))
    new.bias = nn.Parameter((b - bn.running_mean) * scale + bn.bias)
    return new
