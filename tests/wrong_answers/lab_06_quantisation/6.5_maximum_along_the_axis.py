# expects: That is the maximum along `axis`
def quantise_weight(weight, axis):
    if axis is None:
        limits = np.abs(weight).max(keepdims=True)
    elif weight.ndim == 2:
        limits = np.abs(weight).max(axis=axis)
    else:
        limits = np.abs(weight).max(axis=(1, 2, 3))
    scales = np.where(limits > 0, limits / 127, 1).astype(np.float32).reshape(-1)
    shape = [1] * weight.ndim
    if axis is not None and len(scales) == weight.shape[axis]:
        shape[axis] = -1
        return np.rint(weight / scales.reshape(shape)).astype(np.int8), scales
    return np.rint(weight / scales.max()).astype(np.int8), scales
