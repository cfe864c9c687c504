# expects: names 0
def parse_onnx(model: bytes):
    """Return (network, parser) for an ONNX file. Raises ValueError with all of the parser's errors."""
    network = builder.create_network()
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(model):
        raise ValueError("the model cannot be parsed")
    return network, parser
