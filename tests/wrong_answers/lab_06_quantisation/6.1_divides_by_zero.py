# expects: any scale will do, but not 0
def int8_parameters(low, high, symmetric):
    low, high = min(low, 0.0), max(high, 0.0)
    if symmetric:
        return max(-low, high) / 127, 0
    scale = (high - low) / 255
    return scale, round(-128 - low / scale)
