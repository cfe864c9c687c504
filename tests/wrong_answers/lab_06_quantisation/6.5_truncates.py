# expects: Converting to int8 cuts off
def quantise_weight(weight, axis):
    others = None if axis is None else tuple(i for i in range(weight.ndim) if i != axis)
    limit = np.abs(weight).max(axis=others, keepdims=True)
    scale = np.where(limit > 0, limit / 127, 1).astype(np.float32)
    return (weight / scale).astype(np.int8), scale.reshape(-1)
