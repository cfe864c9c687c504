# expects: `block=` takes three numbers
def add_scaled(kernel: cuda.Function, a: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    result = np.empty(len(x), np.float32)
    if len(x) > 0:
        x_gpu, y_gpu = (gpuarray.to_gpu(array.astype(np.float32)) for array in (x, y))
        out_gpu = gpuarray.empty_like(x_gpu)
        kernel(np.float32(a), x_gpu, y_gpu, out_gpu, np.int32(len(x)), block=256, grid=-(-len(x) // 256))
        result = out_gpu.get()
    return result
