# expects: slow first calls
def benchmark(function, synchronize, clock, warmup, repeats):
    times = []
    for _ in range(warmup + repeats):
        synchronize()
        start = clock()
        function()
        synchronize()
        times.append(clock() - start)
    return times[:repeats]
