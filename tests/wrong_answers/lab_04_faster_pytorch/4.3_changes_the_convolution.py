# expects: that was handed in has changed
def fold(conv, bn):
    if bn.training:
        raise ValueError("call eval() first")
    scale = bn.weight / torch.sqrt(bn.running_var + bn.eps)
    bias = conv.bias if conv.bias is not None else torch.zeros_like(bn.running_mean)
    conv.weight.data *= scale[:, None, None, None]
    conv.bias = nn.Parameter((bias - bn.running_mean) * scale + bn.bias)
    return conv
