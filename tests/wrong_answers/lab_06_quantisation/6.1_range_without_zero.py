# expects: The range has to contain 0
def int8_parameters(low, high, symmetric):
    if low == high:
        return 1.0, 0
    if symmetric:
        return max(abs(low), abs(high)) / 127, 0
    scale = (high - low) / 255
    return scale, round(-128 - low / scale)
