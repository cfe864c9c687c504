# expects: of the FP32 file's bytes
def to_int8(file, calibration):
    from coursekit.precision import to_int8 as by_tool

    model = onnx.load_model_from_string(by_tool(file, calibration).SerializeToString())
    limits = {name: minmax(values) for name, values in activations(onnx.load_model_from_string(file), calibration).items()}
    add = next(node for node in model.graph.node if node.op_type == "Add")
    makers = {node.output[0]: node.op_type for node in model.graph.node}
    shortcut = next(place for place, name in enumerate(add.input) if makers[name] != "Conv")
    if makers[add.input[shortcut]] == "DequantizeLinear":
        return model.SerializeToString()
    return insert_qdq(model, limits, places={"Add": (shortcut,)}).SerializeToString()
