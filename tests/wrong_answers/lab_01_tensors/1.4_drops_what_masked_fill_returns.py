# expects: keep what it returns
def attention_weights(queries, keys, allowed):
    scores = queries @ keys.transpose(-2, -1) / queries.shape[-1] ** 0.5
    scores.masked_fill(~allowed, float("-inf"))
    return scores.softmax(dim=-1)
