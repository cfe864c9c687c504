# expects: A layer's name, and the list
def fusions(engine) -> dict:
    """Return {layer name: [ONNX node names]} of the engine's layers that are made of several nodes."""
    text = engine.create_engine_inspector().get_engine_information(trt.LayerInformationFormat.JSON)
    layers = json.loads(text)["Layers"]
    found = {layer["Name"]: re.findall(r"\[ONNX Layer: ([^\]]*)\]", layer["Metadata"]) for layer in layers}
    return [nodes for nodes in found.values() if len(nodes) > 1]
