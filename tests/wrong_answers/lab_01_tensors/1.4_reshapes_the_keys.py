# expects: cut into other lengths
def attention_weights(queries, keys, allowed):
    b, h, m, d = keys.shape
    scores = queries @ keys.reshape(b, h, d, m) / d ** 0.5
    return scores.masked_fill(~allowed, float("-inf")).softmax(dim=-1)
