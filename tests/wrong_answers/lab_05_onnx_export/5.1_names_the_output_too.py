# expects: has to name the arguments
def export_free_batch(model, example):
    program = torch.onnx.export(model.eval(), (example,), input_names=["images"], output_names=["logits"], dynamic_shapes={"images": {0: "batch"}, "logits": {0: "batch"}})
    return program.model_proto.SerializeToString()
