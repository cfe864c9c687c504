# expects: a number's exponent is `k - 1`
def round_to(values, exponent_bits, fraction_bits):
    bias = 2 ** (exponent_bits - 1) - 1
    x = np.asarray(values, np.float64)
    e = np.maximum(np.frexp(x)[1], 1 - bias)
    step = 2.0 ** (e - fraction_bits)
    out = np.rint(x / step) * step
    largest = (2 - 2.0**-fraction_bits) * 2.0**bias
    out = np.where(np.abs(out) > largest, np.copysign(np.inf, x), out)
    return out.astype(np.float32)
