# expects: should return the file's content as bytes
def export_free_batch(model, example):
    model.eval()
    program = torch.onnx.export(model, (example,), input_names=["images"], output_names=["logits"], dynamic_shapes=({0: "batch"},), verbose=False)
    return program
