# expects: they cannot be left out
def entropy_limit(counts, edges, levels):
    best, answer = np.inf, None
    for cut in range(levels, len(counts) + 1):
        inside = counts[:cut].astype(float)
        real = inside.copy(); real[-1] += counts[cut:].sum()
        lev = np.arange(cut) * levels // cut
        full = inside > 0
        total = np.bincount(lev, inside, levels); n = np.bincount(lev, full, levels)
        q = np.where(full, total[lev] / np.maximum(n[lev], 1), 0.0)
        p, q = real / real.sum(), q / q.sum()
        m = (p > 0) & (q > 0)
        d = float((p[m] * np.log(p[m] / q[m])).sum())
        if d < best: best, answer = d, float(edges[cut])
    return answer
