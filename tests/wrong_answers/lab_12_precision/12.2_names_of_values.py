# expects: The task asks for the nodes'
def overflowing(file, images):
    model = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(file))
    model.graph.output.extend(model.graph.value_info)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    values = dict(zip(names, session.run(names, {"images": images})))
    found = []
    for node in model.graph.node:
        value = values[node.output[0]]
        if value.dtype == np.float32 and np.abs(value).max() >= 65520:
            found.append(node.output[0])
    return found
