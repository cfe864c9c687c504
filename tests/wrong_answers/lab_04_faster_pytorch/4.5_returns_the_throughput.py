# expects: Return one of the sizes
def pick_batch_size(curve, budget):
    rates = [size / np.median(times) for size, times in curve if np.percentile(times, 95) <= budget]
    return float(max(rates)) if rates else None
