# expects: same each time
def predict_fast(model, images, batch_size):
    model.eval()
    logits = []
    with torch.inference_mode():
        for batch in images.split(batch_size):
            logits.append(model((batch - images.mean()) / images.std()))
    return torch.cat(logits)
