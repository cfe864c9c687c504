# expects: you say a value of type set
def fusions(engine) -> dict:
    text = engine.create_engine_inspector().get_engine_information(trt.LayerInformationFormat.JSON)
    found = {}
    for layer in json.loads(text)["Layers"]:
        names = set(re.findall(r"\[ONNX Layer: ([^\]]*)\]", layer["Metadata"]))
        if len(names) >= 2:
            found[layer["Name"]] = names
    return found
