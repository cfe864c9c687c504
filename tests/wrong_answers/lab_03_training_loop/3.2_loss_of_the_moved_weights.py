# expects: The step itself is right
def train_step(model, optimizer, images, labels):
    model.train()
    loss = nn.functional.cross_entropy(model(images), labels)
    optimizer.zero_grad(); loss.backward(); optimizer.step()
    return nn.functional.cross_entropy(model(images), labels).item()
