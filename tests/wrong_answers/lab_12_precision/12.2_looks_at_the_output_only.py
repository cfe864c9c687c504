# expects: in size
def overflowing(file, images):
    model = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(file))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    values = dict(zip(names, session.run(names, {"images": images})))
    found = []
    for node in model.graph.node:
        value = values.get(node.output[0], np.zeros(1, np.float32))
        if value.dtype == np.float32 and np.abs(value).max() >= 65520:
            found.append(node.name)
    return found
