# expects: get what it puts out in FP16
def to_fp16(file, peaks):
    model = onnx.load_model_from_string(file)
    loud = {node.output[0] for node in model.graph.node if peaks.get(node.name, 0) >= 65520}
    keep = [node.name for node in model.graph.node if loud & {*node.output}][:1]
    return to_half(file, keep=keep).SerializeToString()
