# expects: The kernel cannot see the host's arrays
def add_scaled(kernel: cuda.Function, a: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = x.astype(np.float32), y.astype(np.float32)
    result = np.empty(len(x), np.float32)
    if len(x) == 0:
        return result
    kernel(np.float32(a), x, y, result, np.int32(len(x)), block=(256, 1, 1), grid=(-(-len(x) // 256), 1))
    return result
