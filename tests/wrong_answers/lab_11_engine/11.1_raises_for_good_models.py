# expects: raise only when it returns False
def parse_onnx(model: bytes):
    network = builder.create_network()
    parser = trt.OnnxParser(network, logger)
    if parser.parse(model):
        raise ValueError("\n".join(str(parser.get_error(i)) for i in range(parser.num_errors)))
    return network, parser
