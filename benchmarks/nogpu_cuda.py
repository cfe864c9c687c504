"""Times the CPU stand-in for CUDA against plain C++ loops and against numba's CUDA simulator, in one run.

    python benchmarks/nogpu_cuda.py

Prints one table. Ratios are what counts: another machine has other times. Each figure is the best of 25 runs. CPU
time is that of the process, all threads together; "CPU/2" is what two threads take on two cores that nobody else uses.
Reductions differ by up to a quarter from one process to the next. Numba's rows want `pip install numba`.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

KERNELS = r"""
#define TILE 16
__global__ void add(float* c, const float* a, const float* b, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) c[i] = a[i] + b[i];
}
__global__ void matmul(float* C, const float* A, const float* B, int n) {
  int row = blockIdx.y * blockDim.y + threadIdx.y, column = blockIdx.x * blockDim.x + threadIdx.x;
  float sum = 0;
  for (int k = 0; k < n; k++) sum += A[row * n + k] * B[k * n + column];
  C[row * n + column] = sum;
}
__global__ void tiled(float* C, const float* A, const float* B, int n) {
  __shared__ float As[TILE][TILE], Bs[TILE][TILE];
  int tx = threadIdx.x, ty = threadIdx.y, row = blockIdx.y * TILE + ty, column = blockIdx.x * TILE + tx;
  float sum = 0;
  for (int t = 0; t < n / TILE; t++) {
    As[ty][tx] = A[row * n + t * TILE + tx];
    Bs[ty][tx] = B[(t * TILE + ty) * n + column];
    __syncthreads();
    for (int k = 0; k < TILE; k++) sum += As[ty][k] * Bs[k][tx];
    __syncthreads();
  }
  C[row * n + column] = sum;
}
__global__ void tree(float* out, const float* in, int n) {
  extern __shared__ float partial[];
  int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
  partial[t] = i < n ? in[i] : 0;
  __syncthreads();
  for (int s = blockDim.x / 2; s > 0; s >>= 1) {
    if (t < s) partial[t] += partial[t + s];
    __syncthreads();
  }
  if (t == 0) out[blockIdx.x] = partial[0];
}
__global__ void shuffle(float* out, const float* in, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  float v = i < n ? in[i] : 0;
  for (int o = 16; o > 0; o >>= 1) v += __shfl_down_sync(0xffffffff, v, o);
  if ((threadIdx.x & 31) == 0) atomicAdd(out, v);
}
"""

PLAIN = r"""
extern "C" void add(float* c, const float* a, const float* b, int n) { for (int i = 0; i < n; i++) c[i] = a[i] + b[i]; }
extern "C" void matmul(float* C, const float* A, const float* B, int n) {
  for (int row = 0; row < n; row++)
    for (int column = 0; column < n; column++) {
      float sum = 0;
      for (int k = 0; k < n; k++) sum += A[row * n + k] * B[k * n + column];
      C[row * n + column] = sum;
    }
}
"""

N_ADD, N_MATMUL, N_REDUCE = 10_000_000, 512, 1_000_000


def best(function: Callable[[], object], clock: Callable[[], float], times: int = 25) -> float:
    """Return the shortest of several runs, in seconds of `clock`."""
    found = []
    for _ in range(times):
        start = clock()
        function()
        found.append(clock() - start)
    return min(found)


def plain_loops() -> dict[str, float]:
    """Return the CPU seconds of the same work in C++ loops, compiled with the flags that kernels get."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "plain.so"
        flags = ["-O3", "-march=native", "-fPIC", "-shared", "-x", "c++", "-", "-o", str(library)]
        subprocess.run([os.environ.get("CXX", "g++"), *flags], input=PLAIN, text=True, check=True)
        loops = ctypes.CDLL(str(library))
    a, b, c = (np.ones(N_ADD, np.float32) for _ in range(3))
    pointers = [x.ctypes.data_as(ctypes.c_void_p) for x in (c, a, b)]
    return {
        "add": best(lambda: loops.add(*pointers, N_ADD), time.process_time),
        "matmul": best(lambda: loops.matmul(*pointers, N_MATMUL), time.process_time),
    }


def stand_in() -> dict[str, float]:
    """Return this process's CPU and wall seconds of each kernel, and of compiling."""
    import pycuda.autoinit  # noqa: F401
    import pycuda.driver as drv
    from pycuda.compiler import SourceModule

    module = SourceModule(KERNELS)
    rng = np.random.default_rng(0)
    a, b, c = (drv.to_device(rng.random(N_ADD, np.float32)) for _ in range(3))
    launches: dict[str, tuple[int, dict[str, Any]]] = {
        "add": (N_ADD, {"block": (256, 1, 1), "grid": (-(-N_ADD // 256), 1)}),
        "matmul": (N_MATMUL, {"block": (16, 16, 1), "grid": (N_MATMUL // 16, N_MATMUL // 16)}),
        "tiled": (N_MATMUL, {"block": (16, 16, 1), "grid": (N_MATMUL // 16, N_MATMUL // 16)}),
        "tree": (N_REDUCE, {"block": (256, 1, 1), "grid": (-(-N_REDUCE // 256), 1), "shared": 1024}),
        "shuffle": (N_REDUCE, {"block": (256, 1, 1), "grid": (-(-N_REDUCE // 256), 1)}),
    }
    figures = {}
    for name, (n, shape) in launches.items():
        kernel = module.get_function(name)
        arguments = (c, a, np.int32(n)) if name in ("tree", "shuffle") else (c, a, b, np.int32(n))

        def once(kernel: Any = kernel, arguments: Any = arguments, shape: Any = shape) -> None:
            kernel(*arguments, **shape)
            drv.Context.synchronize()

        once()
        figures[name] = best(once, time.process_time)
        figures[f"{name.replace('matmul', 'mm')} wall"] = best(once, time.perf_counter)
    sources = [f"__global__ void k(float* a) {{ a[threadIdx.x] = 1; }} // {uuid.uuid4()}" for _ in range(5)]
    figures["compile"] = min(best(lambda s=s: SourceModule(s), time.perf_counter, 1) for s in sources)
    figures["compile cached"] = best(lambda: SourceModule(sources[0]), time.perf_counter)
    return figures


def with_threads(threads: int) -> dict[str, float]:
    """Return `stand_in()` of a fresh process whose kernels use so many threads."""
    code = "import json, nogpu_cuda; print(json.dumps(nogpu_cuda.stand_in()))"
    environment = {**os.environ, "NOGPU_THREADS": str(threads), "PYTHONPATH": str(Path(__file__).parent)}
    environment["OPENBLAS_NUM_THREADS"] = "1"  # its threads spin, and CPU time would count them
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return json.loads(answer.stdout.splitlines()[-1])


NUMBA = """
import time, numpy as np
from numba import cuda
@cuda.jit
def add(c, a, b):
    i = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    if i < c.size:
        c[i] = a[i] + b[i]
@cuda.jit
def matmul(C, A, B):
    row = cuda.blockIdx.y * cuda.blockDim.y + cuda.threadIdx.y
    column = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    s = 0.0
    for k in range(C.shape[0]):
        s += A[row, k] * B[k, column]
    C[row, column] = s
x = np.ones(4096, np.float32); m = np.ones((32, 32), np.float32)
cases = ((add, (16, 256), (x.copy(), x, x), 4096), (matmul, ((2, 2), (16, 16)), (m.copy(), m, m), 32**3))
for f, shape, arrays, work in cases:
    t = time.process_time(); f[shape](*arrays); print((time.process_time() - t) / work)
"""


def numba_simulator() -> list[float]:
    """Return numba's simulator's CPU seconds for one element of add, and for one multiplication of matmul."""
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    answer = subprocess.run([sys.executable, "-c", NUMBA], env=environment, capture_output=True, text=True)
    return [float(line) for line in answer.stdout.split()] if answer.returncode == 0 else []


def main() -> None:
    """Measure and print."""
    plain, one, two, numba = plain_loops(), with_threads(1), with_threads(2), numba_simulator()
    rows = [
        ("add 1e7, two threads (wall), against one loop", two["add wall"], two["add wall"] / plain["add"], "at most 2"),
        ("add 1e7, one thread, against the plain loop", one["add"], one["add"] / plain["add"], ""),
        ("matmul 512, one thread, against the loop", one["matmul"], one["matmul"] / plain["matmul"], "at most 1.1"),
        ("matmul 512, two threads, against one (wall)", two["mm wall"], two["mm wall"] / one["mm wall"], "0.5"),
        ("tiled matmul 512, against the naive one", one["tiled"], one["tiled"] / one["matmul"], "at most 2"),
    ]
    print(f"{'':50} {'ms':>9} {'ratio':>9}   wanted")
    for name, seconds, ratio, wanted in rows:
        print(f"{name:50} {seconds * 1e3:9.1f} {ratio:9.2f}   {wanted}")
    limits = [("tree", 60), ("shuffle", 60)]
    for name, limit in limits:
        for clock, key in (("wall", f"{name} wall"), ("CPU/2", name)):
            seconds = two[key] / (2 if clock == "CPU/2" else 1)
            title = f"{name} reduction 1e6, two threads ({clock})"
            print(f"{title:50} {seconds * 1e3:9.1f} {'':9}   at most {limit} ms")
    print(f"{'compile a kernel the first time (wall)':50} {two['compile'] * 1e3:9.1f} {'':9}   less than 300 ms")
    print(f"{'compile a kernel again (wall)':50} {two['compile cached'] * 1e3:9.1f} {'':9}   less than 5 ms")
    if numba:
        for name, seconds, work in (("add", numba[0], N_ADD), ("matmul", numba[1], N_MATMUL**3)):
            ratio = seconds / (one[name] / work)
            print(f"{f'numba simulator, {name}, an element (us)':50} {seconds * 1e6:9.2f} {ratio:9.0f}   over 1000")
    else:
        print("numba is not installed: no comparison with its simulator")


if __name__ == "__main__":
    main()
