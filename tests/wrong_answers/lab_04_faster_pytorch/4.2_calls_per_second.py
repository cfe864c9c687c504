# expects: each call handles
def summarise(samples, items):
    median, p95 = np.percentile(samples, [50, 95])
    return {"median": float(median), "p95": float(p95), "throughput": 1 / float(median)}
