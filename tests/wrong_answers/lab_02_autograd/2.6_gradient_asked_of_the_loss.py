# expects: The loss itself has left the graph
def repaired_loss(weights, inputs, targets):
    with torch.no_grad():
        hidden = torch.tanh(inputs @ weights["w1"] + weights["b1"]).clamp(-0.8, 0.8)
        output = hidden @ weights["w2"] * weights["gain"] + weights["b2"]
        loss = ((output - targets) ** 2).mean()
    return loss.requires_grad_()
