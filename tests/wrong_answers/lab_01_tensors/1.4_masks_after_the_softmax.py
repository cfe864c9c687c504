# expects: the mask was applied after the softmax
def attention_weights(queries: Tensor, keys: Tensor, allowed: Tensor) -> Tensor:
    scores = queries @ keys.transpose(-2, -1) / queries.shape[-1] ** 0.5
    return scores.softmax(dim=-1).masked_fill(~allowed, 0)
