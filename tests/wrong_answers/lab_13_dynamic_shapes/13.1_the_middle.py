# expects: in the middle between min and max
def profiles_for(requests: np.ndarray, border: int) -> list[tuple[int, int, int]]:
    """Return (min, opt, max) for the sizes up to `border` and for those above it, where there are any."""
    sizes = np.arange(len(requests))
    found = []
    for inside in ((sizes >= 1) & (sizes <= border), sizes > border):
        group = np.where(inside, requests, 0)
        if group.any():
            seen, images = np.flatnonzero(group), np.cumsum(group * sizes)
            opt = (seen[0] + seen[-1]) // 2
            found.append((int(seen[0]), int(opt), int(seen[-1])))
    return found
