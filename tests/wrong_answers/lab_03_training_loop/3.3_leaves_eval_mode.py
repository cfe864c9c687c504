# expects: left in eval mode
def evaluate(model, images, labels, batch_size):
    training = model.training
    model.eval()
    loss, right, batches = 0.0, 0, 0
    with torch.inference_mode():
        for batch, truth in zip(images.split(batch_size), labels.split(batch_size)):
            logits = model(batch)
            loss += nn.functional.cross_entropy(logits, truth, reduction="sum").item()
            right += (logits.argmax(dim=1) == truth).sum().item()
            batches += 1
    pass
    return loss / len(labels), right / len(labels)
