# expects: it returns False
def parse_onnx(model: bytes):
    """Return (network, parser) for an ONNX file. Raises ValueError with all of the parser's errors."""
    network = builder.create_network()
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(model):
        for k in range(parser.num_errors):
            parser.get_error(k).desc()
        return None
    return network, parser
