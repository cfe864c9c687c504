# expects: Compare seconds with seconds
def pick_batch_size(curve, budget):
    best, best_throughput = None, 0.0
    for size, times in curve:
        median, p95 = np.percentile(times, [50, 95]) * 1000
        if p95 <= budget and size / median > best_throughput:
            best, best_throughput = size, size / median
    return best
