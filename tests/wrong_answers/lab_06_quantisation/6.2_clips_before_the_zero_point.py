# expects: Clip last
def quantise(values, scale, zero_point):
    integers = np.clip(np.rint(values / scale), -128, 127).astype(np.int8)
    return integers + np.int8(zero_point)


def dequantise(integers, scale, zero_point):
    return (scale * (integers.astype(np.float32) - zero_point)).astype(np.float32)
