# expects: the result should be float32
def add_scaled(kernel: cuda.Function, a: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if len(x) == 0:
        return np.empty(0, np.float32)
    result = np.empty(len(x), np.float32)
    inputs = [cuda.In(array.astype(np.float32)) for array in (x, y)]
    grid = (-(-len(x) // 256), 1)
    kernel(np.float32(a), *inputs, cuda.Out(result), np.int32(len(x)), block=(256, 1, 1), grid=grid)
    return result.astype(x.dtype)
