# expects: the two cannot become one layer
def to_int8(file, calibration):
    model = onnx.load_model_from_string(file)
    limits = {name: minmax(values) for name, values in activations(model, calibration).items()}
    makers = {node.output[0]: node.op_type for node in model.graph.node}
    add = next(node for node in model.graph.node if node.op_type == "Add")
    shortcut = next(place for place, name in enumerate(add.input) if makers[name] != "Conv")
    places = {"Conv": (0, 1), "Gemm": (0, 1), "Add": (0, 1)}
    return insert_qdq(model, limits, places=places).SerializeToString()
