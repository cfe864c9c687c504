# expects: A block has at most 1,024 threads
def add_scaled(kernel: cuda.Function, a: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    result = np.empty(len(x), np.float32)
    if len(x) == 0:
        return result
    inputs = [cuda.In(array.astype(np.float32)) for array in (x, y)]
    kernel(np.float32(a), *inputs, cuda.Out(result), np.int32(len(x)), block=(len(x), 1, 1))
    return result
