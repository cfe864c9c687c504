# expects: `exp` of a large number is infinite
def attention_weights(queries: Tensor, keys: Tensor, allowed: Tensor) -> Tensor:
    scores = queries @ keys.transpose(-2, -1) / queries.shape[-1] ** 0.5
    powers = scores.exp() * allowed
    return powers / powers.sum(dim=-1, keepdim=True)
