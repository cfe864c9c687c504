# expects: is computed in int8 and wraps around
def quantise(values, scale, zero_point):
    return np.clip(np.rint(values / scale) + zero_point, -128, 127).astype(np.int8)


def dequantise(integers, scale, zero_point):
    return np.float32(scale) * (integers - np.int8(zero_point))
