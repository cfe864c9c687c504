# expects: mean of the middle two
def summarise(samples, items):
    median = sorted(samples)[len(samples) // 2]
    return {"median": median, "p95": float(np.percentile(samples, 95)), "throughput": items / median}
