# expects: turn a weight into a plain number or a constant
def repaired_loss(weights, inputs, targets):
    gain = weights["gain"].detach().clone().requires_grad_()
    hidden = torch.tanh(inputs @ weights["w1"] + weights["b1"]).clamp(-0.8, 0.8)
    output = hidden @ weights["w2"] * gain + weights["b2"]
    return ((output - targets) ** 2).mean()
