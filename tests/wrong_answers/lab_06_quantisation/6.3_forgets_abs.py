# expects: The sign counts here
def minmax_limit(batches):
    return float(max(batch.max() for batch in batches if batch.size))


def percentile_limit(batches, percent):
    values = np.concatenate([batch.ravel() for batch in batches])
    return float(np.percentile(np.abs(values), percent))
