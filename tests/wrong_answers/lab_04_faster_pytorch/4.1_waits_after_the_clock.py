# expects: those of placing an order
def benchmark(function, synchronize, clock, warmup, repeats):
    for _ in range(warmup):
        function()
    times = []
    for _ in range(repeats):
        synchronize()
        start = clock()
        function()
        times.append(clock() - start)
        synchronize()
    return times
