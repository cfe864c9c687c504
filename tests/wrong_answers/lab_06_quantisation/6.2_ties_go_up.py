# expects: A tie goes to the even neighbour
def quantise(values, scale, zero_point):
    integers = np.floor(values / scale + 0.5) + zero_point
    return np.clip(integers, -128, 127).astype(np.int8)


def dequantise(integers, scale, zero_point):
    return (scale * (integers.astype(np.float32) - zero_point)).astype(np.float32)
