# expects: `floor` goes to the next lower number
def quantise(values, scale, zero_point):
    return np.clip(np.floor(values / scale) + zero_point, -128, 127).astype(np.int8)
def dequantise(integers, scale, zero_point):
    return np.float32(scale) * (integers.astype(np.int32) - zero_point).astype(np.float32)
