# expects: image by image
def predict_fast(model, images, batch_size):
    model.eval()
    mean, deviation = images.mean(), images.std()
    with torch.inference_mode():
        normalised = torch.stack([(image - mean) / deviation for image in images])
        return torch.cat([model(batch) for batch in normalised.split(batch_size)])
