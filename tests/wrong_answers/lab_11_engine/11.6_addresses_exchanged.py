# expects: the address of its own buffer
def classify(model: bytes, batch: np.ndarray) -> np.ndarray:
    network = builder.create_network()
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(model):
        raise ValueError("parse")
    config = builder.create_builder_config()
    source, target = network.get_input(0).name, network.get_output(0).name
    profile = builder.create_optimization_profile()
    profile.set_shape(source, batch.shape, batch.shape, batch.shape)
    config.add_optimization_profile(profile)
    engine = runtime.deserialize_cuda_engine(builder.build_serialized_network(network, config))
    context, stream = engine.create_execution_context(), cuda.Stream()
    context.set_input_shape(source, batch.shape)
    result = np.zeros(tuple(context.get_tensor_shape(target)), np.float32)
    buffers = [cuda.mem_alloc(a.nbytes) for a in (batch, result)]
    context.set_tensor_address(source, int(buffers[1]))
    context.set_tensor_address(target, int(buffers[0]))
    cuda.memcpy_htod_async(buffers[0], batch, stream)
    context.execute_async_v3(stream.handle)
    cuda.memcpy_dtoh_async(result, buffers[1], stream)
    stream.synchronize()
    return result
