# expects: Is a `return` missing?
def parse_onnx(model: bytes):
    """Return (network, parser) for an ONNX file. Raises ValueError with all of the parser's errors."""
    network = builder.create_network()
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(model):
        raise ValueError("\n".join(str(parser.get_error(k)) for k in range(parser.num_errors)))
