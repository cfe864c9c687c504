# expects: clip before int8
def quantise(values, scale, zero_point):
    return (np.rint(values / scale) + zero_point).astype(np.int64).astype(np.int8)


def dequantise(integers, scale, zero_point):
    return (scale * (integers.astype(np.float32) - zero_point)).astype(np.float32)
