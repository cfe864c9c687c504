# expects: takes a percentage
def minmax_limit(batches):
    return float(max(np.abs(b).max() for b in batches if b.size))
def percentile_limit(batches, percent):
    return float(np.percentile(np.abs(np.concatenate([b.ravel() for b in batches])), percent / 100))
