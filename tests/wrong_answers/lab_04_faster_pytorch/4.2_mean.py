# expects: which is the mean
def summarise(samples, items):
    average = sum(samples) / len(samples)
    return {"median": average, "p95": float(np.percentile(samples, 95)), "throughput": items / average}
