# expects: The times are in milliseconds
def benchmark(function, synchronize, clock, warmup, repeats):
    for _ in range(warmup):
        function()
    times = []
    for _ in range(repeats):
        synchronize()
        start = clock()
        function()
        synchronize()
        times.append((clock() - start) * 1000)
    return times
