# expects: int8 goes down to −128
def quantise(values, scale, zero_point):
    return np.clip(np.rint(values / scale) + zero_point, -127, 127).astype(np.int8)


def dequantise(integers, scale, zero_point):
    return (scale * (integers.astype(np.float32) - zero_point)).astype(np.float32)
