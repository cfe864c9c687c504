# expects: are not clipped
def repaired_loss(weights, inputs, targets):
    hidden = torch.tanh(inputs @ weights["w1"] + weights["b1"])
    output = hidden @ weights["w2"] * weights["gain"] + weights["b2"]
    return ((output - targets) ** 2).mean()
