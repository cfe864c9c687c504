# expects: returned None
def train_robust(images, labels):
    model = DigitNet()
    train_step_loss = nn.functional.cross_entropy(model(images), labels)
    train_step_loss.backward()
