# expects: ask the context, not the engine
def classify(model: bytes, batch: np.ndarray) -> np.ndarray:
    """Return the output of an ONNX model (bytes) for a batch (n, …) float32, by TensorRT 11."""
    network = builder.create_network()
    parser = trt.OnnxParser(network, logger)
    parser.parse(model)
    source, target = network.get_input(0).name, network.get_output(0).name
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, 1 << 28)
    profile = builder.create_optimization_profile()
    profile.set_shape(source, batch.shape, batch.shape, batch.shape)
    config.add_optimization_profile(profile)
    engine = runtime.deserialize_cuda_engine(builder.build_serialized_network(network, config))
    context, stream = engine.create_execution_context(), cuda.Stream()
    result = np.zeros(tuple(context.get_tensor_shape(target)), np.float32)
    buffers = [cuda.mem_alloc(array.nbytes) for array in (batch, result)]
    context.set_tensor_address(source, int(buffers[0]))
    context.set_tensor_address(target, int(buffers[1]))
    cuda.memcpy_htod_async(buffers[0], batch, stream)
    context.execute_async_v3(stream.handle)
    cuda.memcpy_dtoh_async(result, buffers[1], stream)
    stream.synchronize()
    return result
