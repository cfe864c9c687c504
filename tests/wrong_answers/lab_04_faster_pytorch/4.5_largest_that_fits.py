# expects: not always the one with the most items
def pick_batch_size(curve, budget):
    return max((size for size, times in curve if np.percentile(times, 95) <= budget), default=None)
