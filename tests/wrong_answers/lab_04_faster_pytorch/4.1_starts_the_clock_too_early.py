# expects: work that was in the queue before
def benchmark(function, synchronize, clock, warmup, repeats):
    for _ in range(warmup):
        function()
    times = []
    for _ in range(repeats):
        start = clock()
        synchronize()
        function()
        synchronize()
        times.append(clock() - start)
    return times
