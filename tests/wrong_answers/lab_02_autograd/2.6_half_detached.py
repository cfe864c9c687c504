# expects: is a part of it still cut
def repaired_loss(weights, inputs, targets):
    hidden = torch.tanh(inputs @ weights["w1"] + weights["b1"])
    hidden = hidden + (hidden.clamp(-0.8, 0.8) - hidden).detach()
    output = hidden @ weights["w2"] * weights["gain"] + weights["b2"]
    return ((output - targets) ** 2).mean()
