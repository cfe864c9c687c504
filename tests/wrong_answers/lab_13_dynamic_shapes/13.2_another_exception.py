# expects: ValueError in all three cases
def build_engine(model, profiles):
    builder = trt.Builder(logger)
    network = builder.create_network()
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(model):
        raise RuntimeError("cannot parse")
    source = network.get_input(0)
    config = builder.create_builder_config()
    for sizes in profiles:
        profile = builder.create_optimization_profile()
        profile.set_shape(source.name, *[(n, *tuple(source.shape)[1:]) for n in sizes])
        assert config.add_optimization_profile(profile) >= 0
    plan = builder.build_serialized_network(network, config)
    return bytes(plan)
