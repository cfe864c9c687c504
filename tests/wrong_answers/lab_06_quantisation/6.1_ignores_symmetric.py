# expects: That is the asymmetric scale
def int8_parameters(low, high, symmetric):
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high: return 1.0, 0
    s = (high - low) / 255
    return s, 0 if symmetric else round(-128 - low / s)
