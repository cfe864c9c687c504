# expects: The file's outputs should be
def export_free_batch(model, example):
    model.eval()
    program = torch.onnx.export(model, (example,), dynamic_shapes=({0: "batch"},), verbose=False)
    return program.model_proto.SerializeToString()
