# expects: The zero point is not added
def quantise(values, scale, zero_point):
    return np.clip(np.rint(values / scale), -128, 127).astype(np.int8)


def dequantise(integers, scale, zero_point):
    return (scale * (integers.astype(np.float32) - zero_point)).astype(np.float32)
