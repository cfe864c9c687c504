# expects: 8 of 17 images
def profiles_for(requests, border):
    found = []
    for lo, hi in ((1, border), (border + 1, len(requests) - 1)):
        group = np.zeros_like(requests)
        group[lo : hi + 1] = requests[lo : hi + 1]
        at = np.flatnonzero(group)
        if len(at):
            images = np.cumsum(group * np.arange(len(group)))
            opt = np.flatnonzero(images >= images[-1] // 2)[0]
            found.append((int(at[0]), int(opt), int(at[-1])))
    return found
