# expects: The kernel takes float32: convert
def add_scaled(kernel: cuda.Function, a: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    result = np.empty(len(x), np.float32)
    if len(x) == 0:
        return result
    grid = (-(-len(x) // 256), 1)
    kernel(
        np.float32(a), cuda.In(x), cuda.In(y), cuda.Out(result), np.int32(len(x)), block=(256, 1, 1), grid=grid
    )
    return result
