# expects: round first
def quantise(values, scale, zero_point):
    integers = np.trunc(values / scale) + zero_point
    return np.clip(integers, -128, 127).astype(np.int8)


def dequantise(integers, scale, zero_point):
    return (scale * (integers.astype(np.float32) - zero_point)).astype(np.float32)
