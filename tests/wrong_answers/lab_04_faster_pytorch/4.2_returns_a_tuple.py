# expects: a dictionary with the keys
def summarise(samples, items):
    median, p95 = np.percentile(samples, [50, 95])
    return float(median), float(p95), items / float(median)
