# expects: should return a list
def benchmark(function, synchronize, clock, warmup, repeats):
    for _ in range(warmup):
        function()
    synchronize()
    start = clock()
    for _ in range(repeats):
        function()
        synchronize()
    return (clock() - start) / repeats
