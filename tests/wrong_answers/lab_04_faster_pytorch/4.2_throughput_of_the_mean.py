# expects: The throughput (items/s) should be
def summarise(samples, items):
    median, p95 = np.percentile(samples, [50, 95])
    return {"median": float(median), "p95": float(p95), "throughput": items * len(samples) / sum(samples)}
