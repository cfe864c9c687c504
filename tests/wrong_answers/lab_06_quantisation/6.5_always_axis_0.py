# expects: One scale for each index of `axis`
def quantise_weight(weight, axis):
    limits = np.abs(weight).reshape(len(weight), -1).max(axis=1)
    scales = np.where(limits > 0, limits / 127, 1).astype(np.float32)
    shape = (-1,) + (1,) * (weight.ndim - 1)
    return np.rint(weight / scales.reshape(shape)).astype(np.int8), scales
