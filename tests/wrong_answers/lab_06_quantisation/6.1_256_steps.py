# expects: 256 values have 255 steps between them
def int8_parameters(low, high, symmetric):
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        return 1.0, 0
    if symmetric:
        return max(-low, high) / 127, 0
    scale = (high - low) / 256
    return scale, round(-128 - low / scale)
