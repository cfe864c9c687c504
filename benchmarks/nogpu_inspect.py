"""Times inspected launches: what one memory access costs under the sanitizer with its profile, and a lab-size launch.

    python benchmarks/nogpu_inspect.py

Prints one table; each figure is the best of several runs of `nogpu.inspect` on a compiled kernel, everything included.
An access is one load, store or atomic function of one thread, to global or shared memory.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import nogpu

RUNS = 5

KERNELS = r"""
#define TILE 16
__global__ void matmul(const float* a, const float* b, float* c, int n) {
  int row = blockIdx.y * blockDim.y + threadIdx.y, column = blockIdx.x * blockDim.x + threadIdx.x;
  float sum = 0;
  for (int k = 0; k < n; k++) sum += a[row * n + k] * b[k * n + column];
  c[row * n + column] = sum;
}
__global__ void tiled(const float* a, const float* b, float* c, int n) {
  __shared__ float as[TILE][TILE], bs[TILE][TILE];
  int x = threadIdx.x, y = threadIdx.y, row = blockIdx.y * TILE + y, column = blockIdx.x * TILE + x;
  float sum = 0;
  for (int t = 0; t < n / TILE; t++) {
    as[y][x] = a[row * n + t * TILE + x];
    bs[y][x] = b[(t * TILE + y) * n + column];
    __syncthreads();
    for (int k = 0; k < TILE; k++) sum += as[y][k] * bs[k][x];
    __syncthreads();
  }
  c[row * n + column] = sum;
}
__global__ void saxpy(float a, const float* x, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = a * x[i] + y[i];
}
__global__ void transpose(const float* in, float* out, int n) {
  __shared__ float tile[32][33];
  int x = blockIdx.x * 32 + threadIdx.x, y = blockIdx.y * 32 + threadIdx.y;
  tile[threadIdx.y][threadIdx.x] = in[y * n + x];
  __syncthreads();
  out[(blockIdx.x * 32 + threadIdx.y) * n + blockIdx.y * 32 + threadIdx.x] = tile[threadIdx.x][threadIdx.y];
}
__global__ void sum(const float* x, float* out, int n) {
  __shared__ float s[256];
  int t = threadIdx.x, i = blockIdx.x * 256 + t;
  s[t] = i < n ? x[i] : 0;
  __syncthreads();
  for (int step = 128; step > 0; step /= 2) {
    if (t < step) s[t] += s[t + step];
    __syncthreads();
  }
  if (t == 0) atomicAdd(out, s[0]);
}
__global__ void histogram(const int* x, int* counts, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) atomicAdd(&counts[x[i]], 1);
}
"""


def best(run: Callable[[], Any]) -> tuple[float, Any]:
    """Return (seconds, result) of the fastest of several runs; one before them compiles."""
    run()
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        result = run()
        times.append(time.perf_counter() - start)
    return min(times), result


def main() -> None:
    """Print the table."""
    random = np.random.default_rng(1)
    n, many = 256, 100_000
    a, b = random.random((2, n, n), np.float32)
    c = np.zeros((n, n), np.float32)
    x, y = random.random((2, many), np.float32)
    keys = random.integers(0, 64, many).astype(np.int32)
    square: dict[str, Any] = {"block": (16, 16), "grid": (n // 16, n // 16)}
    line: dict[str, Any] = {"block": 256, "grid": -(-many // 256)}
    count = np.int32(many)
    launches: list[tuple[str, str, int, tuple[Any, ...], dict[str, Any]]] = [
        ("matmul 256, naive", "matmul", 2 * n**3 + n**2, (a, b, c, np.int32(n)), square),
        ("matmul 256, tiled", "tiled", 2 * n**3 + 4 * n**2 * n // 16 + n**2, (a, b, c, np.int32(n)), square),
        ("saxpy, 1e5", "saxpy", 3 * many, (np.float32(2), x, y, count), line),
        ("transpose 256", "transpose", 4 * n**2, (a, c, np.int32(n)), {"block": (32, 32), "grid": (8, 8)}),
        ("sum, 1e5", "sum", 0, (x, np.zeros(1, np.float32), count), line),
        ("histogram, 1e5", "histogram", 2 * many, (keys, np.zeros(64, np.int32), count), line),
    ]
    table = Table("launch", "ms", "accesses", "ns per access", "found", "three orders, ms")
    for name, kernel, accesses, arguments, shape in launches:
        seconds, report = best(lambda: nogpu.inspect(KERNELS, kernel, *arguments, **shape))  # noqa: B023 - runs at once
        assert report.ok, str(report)
        three, _ = best(
            lambda: nogpu.inspect(KERNELS, kernel, *arguments, **shape, orders=("forward", "reverse", "shuffled"))  # noqa: B023
        )
        each = f"{seconds / accesses * 1e9:.1f}" if accesses > 1_000_000 else ""
        table.add_row(
            name, f"{seconds * 1e3:.0f}", f"{accesses:,}" if accesses else "", each, "clean", f"{three * 1e3:.0f}"
        )
    console = Console(width=100)
    console.print(table)
    console.print(f"{platform.processor() or platform.machine()}, {time.strftime('%Y-%m-%d')}")


if __name__ == "__main__":
    main()
