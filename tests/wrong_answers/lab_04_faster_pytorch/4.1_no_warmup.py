# expects: was called
def benchmark(function, synchronize, clock, warmup, repeats):
    times = []
    for _ in range(repeats):
        synchronize()
        start = clock()
        function()
        synchronize()
        times.append(clock() - start)
    return times
