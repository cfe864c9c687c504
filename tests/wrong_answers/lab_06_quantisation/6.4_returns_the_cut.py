# expects: Your limit for
def entropy_limit(counts, edges, levels):
    best, limit = np.inf, 0.0
    for cut in range(levels, len(counts) + 1):
        inside = counts[:cut].astype(float)
        real = inside.copy()
        real[-1] += counts[cut:].sum()
        group = np.arange(cut) * levels // cut
        filled = inside > 0
        share = np.bincount(group, inside, levels) / np.maximum(np.bincount(group, filled, levels), 1)
        quantised = np.where(filled, share[group], 0.0)
        p, q = real / real.sum(), quantised / quantised.sum()
        used = p > 0
        if (q[used] == 0).any():
            continue
        divergence = np.sum(p[used] * np.log(p[used] / q[used]))
        if divergence < best:
            best, limit = divergence, cut
    return float(limit)
