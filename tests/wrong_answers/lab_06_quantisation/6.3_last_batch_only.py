# expects: Only the last batch is in it
def minmax_limit(batches):
    for batch in batches:
        if batch.size:
            limit = float(np.abs(batch).max())
    return limit


def percentile_limit(batches, percent):
    values = np.concatenate([batch.ravel() for batch in batches])
    return float(np.percentile(np.abs(values), percent))
