# expects: wait for the stream
class Session:
    """Runs an engine again and again in memory of its own."""

    def __init__(self, engine, largest: int) -> None:
        self.context, self.stream, self.largest = engine.create_execution_context(), cuda.Stream(), largest
        names = [engine.get_tensor_name(k) for k in range(engine.num_io_tensors)]
        self.inputs = [name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
        self.dtypes = {name: np.dtype(trt.nptype(engine.get_tensor_dtype(name))) for name in names}
        for name in self.inputs:
            self.context.set_input_shape(name, (largest, *engine.get_tensor_shape(name)[1:]))
        self.memory = {}
        for name in names:
            size = trt.volume(self.context.get_tensor_shape(name)) * self.dtypes[name].itemsize
            self.memory[name] = cuda.mem_alloc(size)
            self.context.set_tensor_address(name, int(self.memory[name]))

    def __call__(self, inputs: dict) -> dict:
        arrays = {name: np.ascontiguousarray(inputs[name], self.dtypes[name]) for name in self.inputs}
        for name, array in arrays.items():
            if len(array) > self.largest or not self.context.set_input_shape(name, array.shape):
                raise ValueError(f"{name} may not have the shape {array.shape}")
            cuda.memcpy_htod_async(self.memory[name], array, self.stream)
        self.context.execute_async_v3(self.stream.handle)
        results = {}
        for name in self.memory.keys() - arrays.keys():
            results[name] = cuda.pagelocked_empty(tuple(self.context.get_tensor_shape(name)), self.dtypes[name])
            cuda.memcpy_dtoh_async(results[name], self.memory[name], self.stream)
        return results
