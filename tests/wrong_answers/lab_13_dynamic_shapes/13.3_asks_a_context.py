# expects: between min and max of the same profile
def accepting_profiles(plan: bytes, shape: tuple) -> list[int]:
    """Return the numbers of the engine's profiles that take this shape for its one input."""
    engine = trt.Runtime(logger).deserialize_cuda_engine(plan)
    found = []
    context = engine.create_execution_context()
    for number in range(engine.num_optimization_profiles):
        if context.set_input_shape(engine.get_tensor_name(0), shape):
            found.append(number)
    return found
