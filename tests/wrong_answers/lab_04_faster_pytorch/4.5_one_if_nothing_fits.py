# expects: none fits, so the answer should be None
def pick_batch_size(curve, budget):
    best, best_throughput = 1, 0.0
    for size, times in curve:
        median, p95 = np.percentile(times, [50, 95])
        if p95 <= budget and size / median > best_throughput:
            best, best_throughput = size, size / median
    return best
