# expects: call `model.eval()` first
def export_free_batch(model, example):
    program = torch.onnx.export(model, (example,), input_names=["images"], output_names=["logits"], dynamic_shapes=({0: "batch"},), verbose=False)
    return program.model_proto.SerializeToString()
