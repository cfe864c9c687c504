# expects: a new leaf in the middle
def repaired_loss(weights, inputs, targets):
    hidden = torch.tanh(inputs @ weights["w1"] + weights["b1"])
    clipped = np.clip(hidden.detach().numpy(), -0.8, 0.8)
    hidden = torch.from_numpy(clipped).requires_grad_()
    output = hidden @ weights["w2"]
    output = output * weights["gain"] + weights["b2"]
    return ((output - targets) ** 2).mean()
