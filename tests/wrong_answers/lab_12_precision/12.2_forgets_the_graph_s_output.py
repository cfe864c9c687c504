# expects: leaves out of its `value_info`
def overflowing(file, images):
    model = onnx.load_model_from_string(file)
    info = {v.name: v.type.tensor_type.elem_type for v in onnx.shape_inference.infer_shapes(model).graph.value_info}
    wanted = [(n.name, n.output[0]) for n in model.graph.node if info.get(n.output[0]) == onnx.TensorProto.FLOAT]
    for _, name in wanted:
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    arrays = session.run([o for _, o in wanted], {"images": images})
    with np.errstate(over="ignore"):
        return [n for (n, _), a in zip(wanted, arrays) if np.isinf(a.astype(np.float16)).any()]
