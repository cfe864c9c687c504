# expects: is the function that you are rebuilding
def fold(conv, bn):
    assert not bn.training
    return torch.nn.utils.fuse_conv_bn_eval(conv, bn)
