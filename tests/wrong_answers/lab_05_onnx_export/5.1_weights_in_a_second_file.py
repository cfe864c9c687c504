# expects: in a second one beside it
def export_free_batch(model, example):
    import tempfile, pathlib
    with tempfile.TemporaryDirectory() as d:
        p = pathlib.Path(d) / "m.onnx"
        torch.onnx.export(model.eval(), (example,), p, input_names=["images"], output_names=["logits"], dynamic_shapes=({0: "batch"},))
        return p.read_bytes()
