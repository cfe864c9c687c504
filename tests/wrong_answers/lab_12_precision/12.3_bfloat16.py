# expects: FP16 is asked for
def to_fp16(file, peaks):
    return to_half(file, kind="BF16").SerializeToString()
