# expects: All profiles that take it
def accepting_profiles(plan: bytes, shape: tuple) -> list[int]:
    """Return the numbers of the engine's profiles that take this shape for its one input."""
    engine = trt.Runtime(logger).deserialize_cuda_engine(plan)
    found = []
    for number in range(engine.num_optimization_profiles):
        least, _, most = engine.get_tensor_profile_shape(engine.get_tensor_name(0), number)
        if len(shape) == len(least) and all(a <= n <= b for a, n, b in zip(least, shape, most, strict=True)):
            return number
    return None
