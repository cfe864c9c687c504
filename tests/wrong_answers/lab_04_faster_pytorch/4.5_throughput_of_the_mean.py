# expects: throughput is the size divided by the *median* time
def pick_batch_size(curve, budget):
    fits = [(size / np.mean(times), size) for size, times in curve if np.percentile(times, 95) <= budget]
    return max(fits)[1] if fits else None
