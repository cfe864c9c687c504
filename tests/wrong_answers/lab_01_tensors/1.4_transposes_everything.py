# expects: Transpose the last two dimensions of the keys only
def attention_weights(queries: Tensor, keys: Tensor, allowed: Tensor) -> Tensor:
    scores = queries @ keys.transpose(0, 1) / queries.shape[-1] ** 0.5
    return scores.masked_fill(~allowed, float("-inf")).softmax(dim=-1)
