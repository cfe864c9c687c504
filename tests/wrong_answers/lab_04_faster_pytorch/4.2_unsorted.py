# expects: happened to be made late
def summarise(samples, items):
    median = float(np.median(samples))
    p95 = samples[min(int(0.95 * len(samples)), len(samples) - 1)]
    return {"median": median, "p95": p95, "throughput": items / median}
