# expects: The batch of the input images is fixed
def export_free_batch(model, example):
    model.eval()
    program = torch.onnx.export(model, (example,), input_names=["images"], output_names=["logits"], verbose=False)
    return program.model_proto.SerializeToString()
