# expects: The largest of the batches' percentiles
def minmax_limit(batches):
    return float(max(np.abs(batch).max() for batch in batches if batch.size))


def percentile_limit(batches, percent):
    return float(max(np.percentile(np.abs(batch), percent) for batch in batches if batch.size))
