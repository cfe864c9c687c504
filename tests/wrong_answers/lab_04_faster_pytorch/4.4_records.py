# expects: Autograd recorded
def predict_fast(model, images, batch_size):
    model.eval()
    normalised = (images - images.mean()) / images.std()
    return torch.cat([model(batch) for batch in normalised.split(batch_size)]).detach()
