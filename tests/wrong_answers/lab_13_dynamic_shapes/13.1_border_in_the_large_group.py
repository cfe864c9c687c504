# expects: belongs to the small group
def profiles_for(requests, border):
    found = []
    for lo, hi in ((1, border - 1), (border, len(requests) - 1)):
        group = np.zeros_like(requests)
        group[lo : hi + 1] = requests[lo : hi + 1]
        at = np.flatnonzero(group)
        if len(at):
            images = np.cumsum(group * np.arange(len(group)))
            opt = np.flatnonzero(2 * images >= images[-1])[0]
            found.append((int(at[0]), int(opt), int(at[-1])))
    return found
