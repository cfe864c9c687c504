# expects: ran in training mode
def predict_fast(model, images, batch_size):
    with torch.inference_mode():
        normalised = (images - images.mean()) / images.std()
        return torch.cat([model(batch) for batch in normalised.split(batch_size)])
