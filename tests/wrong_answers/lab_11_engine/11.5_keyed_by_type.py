# expects: the inspector's `Name`
def fusions(engine) -> dict:
    """Return {layer name: [ONNX node names]} of the engine's layers that are made of several nodes."""
    text = engine.create_engine_inspector().get_engine_information(trt.LayerInformationFormat.JSON)
    layers = json.loads(text)["Layers"]
    found = {layer["LayerType"]: re.findall(r"\[ONNX Layer: ([^\]]*)\]", layer["Metadata"]) for layer in layers}
    return {name: nodes for name, nodes in found.items() if len(nodes) > 1}
