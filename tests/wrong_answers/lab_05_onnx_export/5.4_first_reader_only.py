# expects: whatever read the old one
def bake_preprocessing(file, mean, std):
    model = ir.from_proto(onnx.load_model_from_string(file))
    pixels = ir.val("pixels", dtype=ir.DataType.UINT8, shape=ir.Shape(["batch", 1, 8, 8]))
    chain = [ir.node("Cast", [pixels], {"to": ir.DataType.FLOAT.value})]
    for operator, number in (("Div", 16), ("Sub", mean), ("Div", std)):
        name = f"preprocess_{len(chain)}"
        constant = ir.val(name, const_value=ir.tensor(np.float32(number), name=name))
        model.graph.register_initializer(constant)
        chain.append(ir.node(operator, [chain[-1].outputs[0], constant]))
    model.graph.insert_before(model.graph.node(0), chain)
    first = next(node for node in model.graph if node.op_type == "Flatten")
    first.replace_input_with(0, chain[-1].outputs[0])
    model.graph.inputs.insert(0, pixels)
    return ir.to_proto(model).SerializeToString()
