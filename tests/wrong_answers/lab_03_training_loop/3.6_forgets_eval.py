# expects: Predicting changed the model
def predict_autocast(model, images):
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        return model(images).float()
