# expects: becomes infinite, not the largest
def round_to(values, exponent_bits, fraction_bits):
    bias = 2 ** (exponent_bits - 1) - 1
    largest = (2 - 2.0**-fraction_bits) * 2.0**bias
    wide = values.astype(np.float64)
    exponent = np.maximum(np.frexp(wide)[1] - 1, 1 - bias)
    step = 2.0 ** (exponent - fraction_bits)
    rounded = np.rint(wide / step) * step
    rounded = np.clip(rounded, -largest, largest)
    return rounded.astype(np.float32)
