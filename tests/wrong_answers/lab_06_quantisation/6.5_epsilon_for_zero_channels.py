# expects: A channel of zeros: any scale would do
def quantise_weight(weight, axis):
    others = None if axis is None else tuple(i for i in range(weight.ndim) if i != axis)
    scale = ((np.abs(weight).max(axis=others, keepdims=True) + 1e-8) / 127).astype(np.float32)
    return np.clip(np.rint(weight / scale), -127, 127).astype(np.int8), scale.reshape(-1)
