# expects: Only −∞ gives exactly 0
def attention_weights(queries: Tensor, keys: Tensor, allowed: Tensor) -> Tensor:
    scores = queries @ keys.transpose(-2, -1) / queries.shape[-1] ** 0.5
    return scores.masked_fill(~allowed, -20.0).softmax(dim=-1)
