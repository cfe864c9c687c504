# expects: those of `predict_slowly`
def predict_fast(model, images, batch_size):
    model.eval()
    with torch.inference_mode():
        return torch.cat([model(batch) for batch in images.split(batch_size)])
