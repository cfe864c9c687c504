# expects: comes in float
def quantise_network(file, calibration):
    good = calibration[calibration.max(axis=(1, 2, 3)) <= 1.0]
    model = ir.from_proto(onnx.load_model_from_string(file))
    probe = onnx.load_model_from_string(file)
    working = [node for node in model.graph if node.op_type in ("Conv", "Gemm")]
    for node in working:
        if node.inputs[0].name != "images":
            probe.graph.output.append(onnx.helper.make_tensor_value_info(node.inputs[0].name, 1, None))
    session = onnxruntime.InferenceSession(probe.SerializeToString())
    for node in working:
        value = node.inputs[0]
        seen = good if value.name == "images" else session.run([value.name], {"images": good})[0]
        parts = []
        for name, array in ((f"{value.name}_s", np.float32(np.abs(seen).max() / 127)), (f"{value.name}_z", np.int8(0))):
            parts.append(ir.val(name, const_value=ir.tensor(array, name=name)))
            model.graph.register_initializer(parts[-1])
        q = ir.node("QuantizeLinear", [value, *parts])
        dq = ir.node("DequantizeLinear", [q.outputs[0], *parts])
        model.graph.insert_before(node, [q, dq])
        node.replace_input_with(0, dq.outputs[0])
    return ir.to_proto(model).SerializeToString()
