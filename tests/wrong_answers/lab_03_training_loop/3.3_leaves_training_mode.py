# expects: came in eval mode and left in training mode
def evaluate(model, images, labels, batch_size):
    model.eval()
    loss = right = 0
    with torch.no_grad():
        for x, y in zip(images.split(batch_size), labels.split(batch_size)):
            logits = model(x)
            loss += nn.functional.cross_entropy(logits, y, reduction="sum").item()
            right += (logits.argmax(1) == y).sum().item()
    model.train()
    return loss / len(labels), right / len(labels)
