# expects: 95, not 0.95
def summarise(samples, items):
    m = float(np.median(samples))
    return {"median": m, "p95": float(np.percentile(samples, 0.95)), "throughput": items / m}
