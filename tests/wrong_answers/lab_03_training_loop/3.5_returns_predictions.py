# expects: Return the model itself
def train_robust(images, labels):
    model = DigitNet()
    model.add_module("classifier", nn.Sequential(model.classifier, nn.Softmax(dim=1), nn.Flatten(0)))
    return model
