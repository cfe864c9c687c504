# expects: The p95 is the largest time
def summarise(samples, items):
    median = float(np.median(samples))
    return {"median": median, "p95": max(samples), "throughput": items / median}
