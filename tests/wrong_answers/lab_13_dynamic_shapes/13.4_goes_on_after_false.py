# expects: `set_input_shape` says False
class Server:
    """Runs batches of images through one context, each under the profile that suits it."""

    def __init__(self, plan: bytes) -> None:
        engine = trt.Runtime(logger).deserialize_cuda_engine(plan)
        self.context, self.stream = engine.create_execution_context(), cuda.Stream()
        triples = [engine.get_tensor_profile_shape("images", k) for k in range(engine.num_optimization_profiles)]
        self.profiles = [tuple(shape[0] for shape in triple) for triple in triples]
        largest = max(most for _, _, most in self.profiles)
        self.images, self.logits = cuda.mem_alloc(largest * 64 * 4), cuda.mem_alloc(largest * 10 * 4)

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        count = len(batch)
        fitting = [k for k, (least, _, most) in enumerate(self.profiles) if least <= count <= most]
        number = min(fitting or [0], key=lambda k: abs(self.profiles[k][1] - count))
        self.context.set_optimization_profile_async(number, self.stream.handle)
        self.context.set_input_shape("images", batch.shape)
        self.context.set_tensor_address("images", int(self.images))
        self.context.set_tensor_address("logits", int(self.logits))
        logits = np.empty((count, 10), np.float32)
        cuda.memcpy_htod_async(self.images, np.ascontiguousarray(batch, np.float32), self.stream)
        if not self.context.execute_async_v3(self.stream.handle):
            raise RuntimeError("the engine did not start")
        cuda.memcpy_dtoh_async(logits, self.logits, self.stream)
        self.stream.synchronize()
        return logits
