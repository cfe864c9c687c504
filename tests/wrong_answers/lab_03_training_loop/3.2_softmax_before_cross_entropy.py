# expects: The loss should be
def train_step(model, optimizer, images, labels):
    model.train()
    probabilities = model(images).softmax(dim=1)
    loss = nn.functional.cross_entropy(probabilities, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
