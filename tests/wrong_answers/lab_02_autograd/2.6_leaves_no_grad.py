# expects: nothing is recorded
def repaired_loss(weights, inputs, targets):
    hidden = torch.tanh(inputs @ weights["w1"] + weights["b1"]).clamp(-0.8, 0.8)
    with torch.no_grad():
        output = hidden @ weights["w2"]
    output = output * weights["gain"] + weights["b2"]
    return ((output - targets) ** 2).mean()
