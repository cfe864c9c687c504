# expects: converts the model for good
def predict_autocast(model, images):
    model.eval()
    with torch.inference_mode():
        return model.bfloat16()(images.bfloat16()).float()
