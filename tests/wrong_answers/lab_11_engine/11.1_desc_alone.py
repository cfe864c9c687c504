# expects: says what is wrong, but not where
def parse_onnx(model: bytes):
    network = builder.create_network()
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(model):
        raise ValueError("\n".join(parser.get_error(i).desc() for i in range(parser.num_errors)))
    return network, parser
