# expects: nothing changes for the caller
def to_fp16(file, peaks):
    from onnxruntime.transformers.float16 import convert_float_to_float16

    return convert_float_to_float16(onnx.load_model_from_string(file)).SerializeToString()
