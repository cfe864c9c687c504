# expects: Within the budget, most items per second wins
def pick_batch_size(curve, budget):
    fitting = [(np.median(times), size) for size, times in curve if np.percentile(times, 95) <= budget]
    return min(fitting)[1] if fitting else None
