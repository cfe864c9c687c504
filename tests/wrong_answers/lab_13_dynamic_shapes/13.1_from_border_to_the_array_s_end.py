# expects: that occur
def profiles_for(requests: np.ndarray, border: int) -> list[tuple[int, int, int]]:
    """Return (min, opt, max) for the sizes up to `border` and for those above it, where there are any."""
    sizes = np.arange(len(requests))
    found = []
    for inside in ((sizes >= 1) & (sizes <= border), sizes > border):
        group = np.where(inside, requests, 0)
        if group.any():
            seen, images = np.flatnonzero(group), np.cumsum(group * sizes)
            opt = np.argmax(2 * images >= images[-1])  # argmax of booleans: the first True
            found.append((1 if inside[1] else border + 1, int(opt), border if inside[1] else len(requests) - 1))
    return found
