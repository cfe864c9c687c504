# expects: should have the shape (free, 1, 8, 8)
def export_free_batch(model, example):
    flat = nn.Sequential(nn.Flatten(0, -1), nn.Unflatten(0, (-1, 1, 8, 8)), model).eval()
    program = torch.onnx.export(
        flat, (example,), input_names=["images"], output_names=["logits"], dynamic_shapes=({0: "n", 2: "h", 3: "w"},), verbose=False
    )
    return program.model_proto.SerializeToString()
