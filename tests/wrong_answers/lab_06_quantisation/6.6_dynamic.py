# expects: that is dynamic quantisation
def quantise_network(file, calibration):
    from onnxruntime.quantization import quantize_dynamic

    with TemporaryDirectory() as folder:
        target = Path(folder) / "int8.onnx"
        quantize_dynamic(onnx.load_model_from_string(file), target)
        return target.read_bytes()
