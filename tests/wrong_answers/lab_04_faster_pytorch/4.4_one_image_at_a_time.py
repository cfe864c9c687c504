# expects: fewer images per call
def predict_fast(model, images, batch_size):
    model.eval()
    with torch.inference_mode():
        normalised = (images - images.mean()) / images.std()
        return torch.cat([model(image[None]) for image in normalised])
