# expects: All channels have got the whole tensor's scale
def quantise_weight(weight, axis):
    scale = np.float32(np.abs(weight).max() / 127)
    channels = 1 if axis is None else weight.shape[axis]
    return np.rint(weight / scale).astype(np.int8), np.full(channels, scale)
