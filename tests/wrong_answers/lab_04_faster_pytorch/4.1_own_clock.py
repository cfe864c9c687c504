# expects: never read the clock
def benchmark(function, synchronize, clock, warmup, repeats):
    for _ in range(warmup):
        function()
    times = []
    for _ in range(repeats):
        synchronize()
        start = time.perf_counter()
        function()
        synchronize()
        times.append(time.perf_counter() - start)
    return times
