# expects: in another order
def build_engine(model, profiles):
    builder = trt.Builder(logger)
    network = builder.create_network()
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(model):
        raise ValueError("cannot parse")
    source = network.get_input(0)
    config = builder.create_builder_config()
    for sizes in sorted(profiles, reverse=True):
        profile = builder.create_optimization_profile()
        profile.set_shape(source.name, *[(n, *tuple(source.shape)[1:]) for n in sizes])
        if config.add_optimization_profile(profile) < 0:
            raise ValueError(f"bad profile {sizes}")
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise ValueError("build failed")
    return bytes(plan)
