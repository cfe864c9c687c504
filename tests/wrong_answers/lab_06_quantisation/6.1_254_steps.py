# expects: there are 255 steps
def int8_parameters(low, high, symmetric):
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high: return 1.0, 0
    if symmetric: return max(-low, high) / 127, 0
    s = (high - low) / 254
    return s, round(-127 - low / s)
