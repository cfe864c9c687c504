# expects: The mask was not used
def attention_weights(queries: Tensor, keys: Tensor, allowed: Tensor) -> Tensor:
    return (queries @ keys.transpose(-2, -1) / queries.shape[-1] ** 0.5).softmax(dim=-1)
