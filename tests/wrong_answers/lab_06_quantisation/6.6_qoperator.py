# expects: that is the QOperator form
def quantise_network(file, calibration):
    from onnxruntime.quantization import QuantFormat

    good = calibration[calibration.max(axis=(1, 2, 3)) <= 1.0]

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.feeds = iter([{"images": good}])

        def get_next(self):
            return next(self.feeds, None)

    form = {"ActivationSymmetric": True, "WeightSymmetric": True, "AddQDQPairToWeight": True, "QuantizeBias": False}
    types = {"activation_type": QuantType.QInt8, "weight_type": QuantType.QInt8}
    with TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        target = Path(folder) / "int8.onnx"
        model = onnx.load_model_from_string(file)
        quantize_static(model, target, Reader(), per_channel=True, **types, extra_options=form, quant_format=QuantFormat.QOperator)
        return target.read_bytes()
