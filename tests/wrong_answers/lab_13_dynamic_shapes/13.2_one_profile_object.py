# expects: One profile object was overwritten
def build_engine(model: bytes, profiles: list) -> bytes:
    """Return the plan of the model with one optimisation profile for each [min, opt, max]; ValueError if that fails."""
    builder = trt.Builder(logger)
    network = builder.create_network()
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(model):
        raise ValueError(f"the parser refuses the model: {parser.get_error(0).desc()}")
    config, images = builder.create_builder_config(), network.get_input(0)
    profile = builder.create_optimization_profile()
    for sizes in profiles:
        profile.set_shape(images.name, *[(size, *tuple(images.shape)[1:]) for size in sizes])
    if config.add_optimization_profile(profile) < 0:
        raise ValueError("min <= opt <= max does not hold")
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise ValueError("the build failed: turn the logger up and read it")
    return bytes(plan)
