# expects: The times are negative
def benchmark(function, synchronize, clock, warmup, repeats):
    for _ in range(warmup): function()
    times = []
    for _ in range(repeats):
        synchronize(); start = clock(); function(); synchronize()
        times.append(start - clock())
    return times
