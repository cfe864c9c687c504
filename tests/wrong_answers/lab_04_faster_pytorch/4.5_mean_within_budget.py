# expects: would break the promise
def pick_batch_size(curve, budget):
    fitting = [(size / np.mean(times), size) for size, times in curve if np.mean(times) <= budget]
    return max(fitting)[1] if fitting else None
