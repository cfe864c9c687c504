# expects: A mean over batches is not the whole's
def minmax_limit(batches):
    return float(max(np.abs(batch).max() for batch in batches if batch.size))


def percentile_limit(batches, percent):
    return float(np.mean([np.percentile(np.abs(batch), percent) for batch in batches if batch.size]))
