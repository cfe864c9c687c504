# expects: of the shape
def predict_fast(model, images, batch_size):
    model.eval()
    with torch.inference_mode():
        normalised = (images - images.mean()) / images.std()
        starts = range(0, len(images) - batch_size + 1, batch_size)
        return torch.cat([model(normalised[start : start + batch_size]) for start in starts])
