# expects: `/` gives a float
def add_scaled(kernel: cuda.Function, a: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    result = np.empty(len(x), np.float32)
    if len(x) == 0:
        return result
    inputs = [cuda.In(array.astype(np.float32)) for array in (x, y)]
    kernel(np.float32(a), *inputs, cuda.Out(result), np.int32(len(x)), block=(256, 1, 1), grid=((len(x) + 255) / 256, 1))
    return result
