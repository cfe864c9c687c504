# expects: not divided by √d
def attention_weights(queries: Tensor, keys: Tensor, allowed: Tensor) -> Tensor:
    scores = queries @ keys.transpose(-2, -1)
    return scores.masked_fill(~allowed, float("-inf")).softmax(dim=-1)
