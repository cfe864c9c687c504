# expects: one context, as `self.context`
class Server:
    def __init__(self, plan):
        self.engine = trt.Runtime(logger).deserialize_cuda_engine(plan)
        self.stream = cuda.Stream()
        self.ranges = [
            tuple(s[0] for s in self.engine.get_tensor_profile_shape("images", k))
            for k in range(self.engine.num_optimization_profiles)
        ]
        self.contexts = []
        for k in range(len(self.ranges)):
            c = self.engine.create_execution_context()
            c.set_optimization_profile_async(k, self.stream.handle)
            self.contexts.append(c)
        self.images = cuda.mem_alloc(64 * 64 * 4)
        self.logits = cuda.mem_alloc(64 * 10 * 4)

    def __call__(self, batch):
        n = len(batch)
        fits = [k for k, (a, _, c) in enumerate(self.ranges) if a <= n <= c]
        if not fits or batch.shape[1:] != (1, 8, 8):
            raise ValueError("takes (n, 1, 8, 8), n of " + ", ".join(f"{a} to {c}" for a, _, c in self.ranges))
        k = min(fits, key=lambda k: abs(self.ranges[k][1] - n))
        c = self.contexts[k]
        c.set_input_shape("images", batch.shape)
        c.set_tensor_address("images", int(self.images))
        c.set_tensor_address("logits", int(self.logits))
        out = np.empty((n, 10), np.float32)
        cuda.memcpy_htod_async(self.images, batch, self.stream)
        c.execute_async_v3(self.stream.handle)
        cuda.memcpy_dtoh_async(out, self.logits, self.stream)
        self.stream.synchronize()
        return out
