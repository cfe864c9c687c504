# expects: they need not be sorted
def pick_batch_size(curve, budget):
    best, best_throughput = None, 0.0
    for size, times in curve:
        median, p95 = np.percentile(times, [50, 95])
        if p95 > budget:
            break
        if size / median > best_throughput:
            best, best_throughput = size, size / median
    return best
