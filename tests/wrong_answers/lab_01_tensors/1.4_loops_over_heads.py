# expects: it loops in Python
def attention_weights(queries: Tensor, keys: Tensor, allowed: Tensor) -> Tensor:
    weights = []
    for head in range(queries.shape[1]):
        scores = queries[:, head] @ keys[:, head].transpose(-2, -1) / queries.shape[-1] ** 0.5
        weights.append(scores.masked_fill(~allowed, float("-inf")).softmax(dim=-1))
    return torch.stack(weights, dim=1)
