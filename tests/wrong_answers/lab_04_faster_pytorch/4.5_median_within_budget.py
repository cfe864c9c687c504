# expects: would break the promise
def pick_batch_size(curve, budget):
    best, best_throughput = None, 0.0
    for size, times in curve:
        median = np.median(times)
        if median <= budget and size / median > best_throughput:
            best, best_throughput = size, size / median
    return best
