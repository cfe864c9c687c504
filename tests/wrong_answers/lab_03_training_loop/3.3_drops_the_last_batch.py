# expects: images are in it
def evaluate(model, images, labels, batch_size):
    was = model.training
    model.eval()
    loss = right = n = 0
    with torch.no_grad():
        for i in range(len(labels) // batch_size):
            x, y = images[i*batch_size:(i+1)*batch_size], labels[i*batch_size:(i+1)*batch_size]
            logits = model(x); n += len(y)
            loss += nn.functional.cross_entropy(logits, y, reduction="sum").item()
            right += (logits.argmax(1) == y).sum().item()
    model.train(was)
    return loss / n, right / n
