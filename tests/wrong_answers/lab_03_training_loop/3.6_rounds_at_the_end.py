# expects: rounded to bfloat16 at the end
def predict_autocast(model, images):
    model.eval()
    with torch.inference_mode():
        return model(images).bfloat16().float()
