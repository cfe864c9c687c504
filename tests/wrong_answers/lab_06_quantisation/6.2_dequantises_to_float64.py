# expects: should have the dtype float32
def quantise(values, scale, zero_point):
    return np.clip(np.rint(values / scale) + zero_point, -128, 127).astype(np.int8)


def dequantise(integers, scale, zero_point):
    return scale * (integers.astype(float) - zero_point)
