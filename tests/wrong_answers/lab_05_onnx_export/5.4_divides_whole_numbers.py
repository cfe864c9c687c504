# expects: Cast to float first
def bake_preprocessing(file, mean, std):
    model = ir.from_proto(onnx.load_model_from_string(file))
    pixels = ir.val("pixels", dtype=ir.DataType.UINT8, shape=ir.Shape(["batch", 1, 8, 8]))
    values = [("levels", np.uint8(16)), ("mean", np.float32(mean)), ("std", np.float32(std))]
    levels, middle, spread = (ir.val(name, const_value=ir.tensor(number, name=name)) for name, number in values)
    for value in (levels, middle, spread):
        model.graph.register_initializer(value)
    share = ir.node("Div", [pixels, levels])
    cast = ir.node("Cast", [share.outputs[0]], {"to": ir.DataType.FLOAT.value})
    centred = ir.node("Sub", [cast.outputs[0], middle])
    scaled = ir.node("Div", [centred.outputs[0], spread])
    model.graph.insert_before(model.graph.node(0), [share, cast, centred, scaled])
    model.graph.inputs[0].replace_all_uses_with(scaled.outputs[0])
    model.graph.inputs[0] = pixels
    return ir.to_proto(model).SerializeToString()
