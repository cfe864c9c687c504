# expects: not the largest time
def pick_batch_size(curve, budget):
    fits = [(s / np.mean(t), s) for s, t in curve if max(t) <= budget]
    return max(fits)[1] if fits else None
