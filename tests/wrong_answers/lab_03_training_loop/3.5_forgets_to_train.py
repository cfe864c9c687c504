# expects: hardly learned
def train_robust(images, labels):
    model = DigitNet()
    optimizer = torch.optim.Adam(model.parameters())
    return model
