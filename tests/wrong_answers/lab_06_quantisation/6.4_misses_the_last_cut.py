# expects: The last cut, which keeps all the bins
def entropy_limit(counts, edges, levels):
    best, answer = np.inf, None
    for cut in range(levels, len(counts)):
        inside = counts[:cut].astype(float)
        real = inside.copy(); real[-1] += counts[cut:].sum()
        lev = np.arange(cut) * levels // cut
        full = inside > 0
        total = np.bincount(lev, inside, levels); n = np.bincount(lev, full, levels)
        q = np.where(full, total[lev] / np.maximum(n[lev], 1), 0.0)
        if q.sum() == 0: continue
        p, q = real / real.sum(), q / q.sum()
        if np.any((p > 0) & (q == 0)): continue
        m = p > 0
        d = float((p[m] * np.log(p[m] / q[m])).sum())
        if d < best: best, answer = d, float(edges[cut])
    return answer
