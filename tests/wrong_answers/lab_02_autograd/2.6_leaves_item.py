# expects: turn a weight into a plain number
def repaired_loss(weights, inputs, targets):
    hidden = torch.tanh(inputs @ weights["w1"] + weights["b1"]).clamp(-0.8, 0.8)
    output = hidden @ weights["w2"] * weights["gain"].item() + weights["b2"]
    return ((output - targets) ** 2).mean()
