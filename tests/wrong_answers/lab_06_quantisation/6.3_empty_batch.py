# expects: Join the batches first
def minmax_limit(batches):
    return float(max(np.abs(batch).max() for batch in batches))


def percentile_limit(batches, percent):
    values = np.concatenate([batch.ravel() for batch in batches])
    return float(np.percentile(np.abs(values), percent))
