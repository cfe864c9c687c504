# expects: not what is wrong with them
def parse_onnx(model: bytes):
    """Return (network, parser) for an ONNX file. Raises ValueError with all of the parser's errors."""
    network = builder.create_network()
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(model):
        raise ValueError("\n".join(parser.get_error(k).node_name() for k in range(parser.num_errors)))
    return network, parser
