# expects: A channel of zeros has the limit 0
def quantise_weight(weight, axis):
    others = tuple(i for i in range(weight.ndim) if i != axis)
    scales = np.abs(weight).max(axis=others, keepdims=True) / np.float32(127)
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(np.rint(weight / scales)).astype(np.int8), scales.reshape(-1)
