# expects: and the config the profile
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
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise RuntimeError("the engine could not be built: the logger knows why")
    return bytes(plan)
