# expects: A key for each Conv and Gemm
def sensitivity(file, limits, images):
    def logits(model):
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        return session.run(None, {"images": images})[0]

    model, exact, scan = onnx.load_model_from_string(file), logits(file), {}
    for node in model.graph.node:
        if node.op_type in ("Conv",):
            error = logits(insert_qdq(model, limits, {node.name}).SerializeToString()) - exact
            scan[node.name] = float(np.sqrt(np.mean(error**2) / np.mean(exact**2)))
    return scan
