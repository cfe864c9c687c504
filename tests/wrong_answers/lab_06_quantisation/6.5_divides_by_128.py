# expects: Symmetric int8 uses −127…127
def quantise_weight(weight, axis):
    others = tuple(i for i in range(weight.ndim) if i != axis)
    limits = np.abs(weight).max(axis=others, keepdims=True)
    scales = np.where(limits > 0, limits / 128, 1).astype(np.float32)
    return np.rint(weight / scales).astype(np.int8), scales.reshape(-1)
