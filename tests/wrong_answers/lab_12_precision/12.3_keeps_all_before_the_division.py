# expects: Keep only what has to stay
def to_fp16(file, peaks):
    model = onnx.load_model_from_string(file)
    names = [node.name for node in model.graph.node]
    return to_half(file, keep=names[: names.index("divide")]).SerializeToString()
