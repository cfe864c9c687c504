# expects: A gpuarray comes to the host by `.get()`
def add_scaled(kernel: cuda.Function, a: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if len(x) == 0:
        return np.empty(0, np.float32)
    x_gpu, y_gpu = gpuarray.to_gpu(x.astype(np.float32)), gpuarray.to_gpu(y.astype(np.float32))
    result = gpuarray.empty_like(x_gpu)
    grid = (-(-len(x) // 256), 1)
    kernel(np.float32(a), x_gpu, y_gpu, result, np.int32(len(x)), block=(256, 1, 1), grid=grid)
    return result
