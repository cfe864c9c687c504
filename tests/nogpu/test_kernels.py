"""Eight kernels as students and tutorials write them, against NumPy, over sizes that hypothesis chooses."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pycuda.driver as drv
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycuda.compiler import SourceModule

often = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))

SOURCE = r"""
#define TILE 16

struct Body { float x, y, mass; int alive; };

__constant__ float filter[9];
__device__ unsigned int blocks_done = 0;

__global__ void add(float* c, const float* a, const float* b, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) c[i] = a[i] + b[i];
}

__global__ void transpose(float* out, const float* in, int rows, int columns) {
  __shared__ float tile[TILE][TILE + 1];
  int x = blockIdx.x * TILE + threadIdx.x, y = blockIdx.y * TILE + threadIdx.y;
  if (x < columns && y < rows) tile[threadIdx.y][threadIdx.x] = in[y * columns + x];
  __syncthreads();
  x = blockIdx.y * TILE + threadIdx.x;
  y = blockIdx.x * TILE + threadIdx.y;
  if (x < rows && y < columns) out[y * rows + x] = tile[threadIdx.x][threadIdx.y];
}

__global__ void matmul(float* C, const float* A, const float* B, int m, int n, int k) {
  __shared__ float As[TILE][TILE], Bs[TILE][TILE];
  int row = blockIdx.y * TILE + threadIdx.y, column = blockIdx.x * TILE + threadIdx.x;
  float sum = 0.0f;
  for (int t = 0; t < (k + TILE - 1) / TILE; t++) {
    int a = t * TILE + threadIdx.x, b = t * TILE + threadIdx.y;
    As[threadIdx.y][threadIdx.x] = row < m && a < k ? A[row * k + a] : 0.0f;
    Bs[threadIdx.y][threadIdx.x] = b < k && column < n ? B[b * n + column] : 0.0f;
    __syncthreads();
    for (int i = 0; i < TILE; i++) sum += As[threadIdx.y][i] * Bs[i][threadIdx.x];
    __syncthreads();
  }
  if (row < m && column < n) C[row * n + column] = sum;
}

__global__ void tree_sum(double* out, const double* in, int n) {
  extern __shared__ double partial[];
  unsigned t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
  partial[t] = i < n ? in[i] : 0.0;
  __syncthreads();
  for (unsigned s = blockDim.x / 2; s > 0; s >>= 1) {
    if (t < s) partial[t] += partial[t + s];
    __syncthreads();
  }
  if (t == 0) atomicAdd(out, partial[0]);
}

__inline__ __device__ int warp_maximum(int value) {
  for (int offset = warpSize / 2; offset > 0; offset /= 2)
    value = max(value, __shfl_down_sync(0xffffffff, value, offset));
  return value;
}

__global__ void maximum(int* out, const int* in, int n) {
  int best = INT_MIN;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += blockDim.x * gridDim.x) best = max(best, in[i]);
  best = warp_maximum(best);
  if (threadIdx.x % warpSize == 0) atomicMax(out, best);
}

__global__ void histogram(unsigned* counts, const unsigned char* data, int n, int bins) {
  extern __shared__ unsigned local[];
  for (int b = threadIdx.x; b < bins; b += blockDim.x) local[b] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    atomicAdd(&local[data[i] % bins], 1);
  __syncthreads();
  for (int b = threadIdx.x; b < bins; b += blockDim.x) atomicAdd(&counts[b], local[b]);
}

__global__ void convolve(float* out, const float* in, int height, int width) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= width || y >= height) return;
  float sum = 0.0f;
  for (int dy = -1; dy <= 1; dy++)
    for (int dx = -1; dx <= 1; dx++)
      if (x + dx >= 0 && x + dx < width && y + dy >= 0 && y + dy < height)
        sum += filter[(dy + 1) * 3 + dx + 1] * in[(y + dy) * width + x + dx];
  out[y * width + x] = sum;
}

__global__ void centre(Body* bodies, float* sums, int n, Body offset) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n && bodies[i].alive) {
    bodies[i].x += offset.x;
    bodies[i].y += offset.y;
    atomicAdd(&sums[0], bodies[i].mass * bodies[i].x);
    atomicAdd(&sums[1], bodies[i].mass);
  }
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) atomicInc(&blocks_done, gridDim.x - 1);
}
"""

SCAN = r"""
template <typename T, int BLOCK>
__device__ void block_scan(T* data, T value) {
  int t = threadIdx.x;
  data[t] = value;
  __syncthreads();
  for (int step = 1; step < BLOCK; step *= 2) {
    T add = t >= step ? data[t - step] : T(0);
    __syncthreads();
    data[t] += add;
    __syncthreads();
  }
}
extern "C" __global__ void scan(long long* out, const int* in, int n) {
  __shared__ long long data[64];
  long long before = 0;
  for (int start = 0; start < n; start += 64) {
    int i = start + threadIdx.x;
    block_scan<long long, 64>(data, i < n ? in[i] : 0);
    if (i < n) out[i] = before + data[threadIdx.x];
    before += data[63];
    __syncthreads();
  }
}
"""

sizes = st.integers(1, 3000)
sides = st.integers(1, 70)
seeds = st.integers(0, 2**32 - 1)


@cache
def module() -> Any:
    return SourceModule(SOURCE)


def kernel(name: str) -> Any:
    return module().get_function(name)


def blocks(n: int, size: int) -> int:
    return -(-n // size)


@often
@given(n=sizes, block=st.sampled_from([1, 32, 100, 256, 1024]), seed=seeds)
def test_add(n: int, block: int, seed: int) -> None:
    a, b = np.random.default_rng(seed).standard_normal((2, n), np.float32)
    c = np.empty_like(a)
    kernel("add")(drv.Out(c), drv.In(a), drv.In(b), np.int32(n), block=(block, 1, 1), grid=(blocks(n, block), 1))
    assert np.array_equal(c, a + b)


@often
@given(rows=sides, columns=sides, seed=seeds)
def test_transpose(rows: int, columns: int, seed: int) -> None:
    a = np.random.default_rng(seed).standard_normal((rows, columns), np.float32)
    out = np.empty((columns, rows), np.float32)
    grid = (blocks(columns, 16), blocks(rows, 16))
    kernel("transpose")(drv.Out(out), drv.In(a), np.int32(rows), np.int32(columns), block=(16, 16, 1), grid=grid)
    assert np.array_equal(out, a.T)


@often
@given(m=sides, n=sides, k=sides, seed=seeds)
def test_matmul(m: int, n: int, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((m, k), np.float32), rng.standard_normal((k, n), np.float32)
    c = np.empty((m, n), np.float32)
    f = kernel("matmul").prepare("PPPiii")
    da, db, dc = drv.to_device(a), drv.to_device(b), drv.mem_alloc(c.nbytes)
    f.prepared_call((blocks(n, 16), blocks(m, 16)), (16, 16, 1), dc, da, db, m, n, k)
    drv.memcpy_dtoh(c, dc)
    np.testing.assert_allclose(c, a @ b, atol=1e-4, rtol=1e-4)


@often
@given(n=sizes, block=st.sampled_from([1, 2, 32, 128, 512]), seed=seeds)
def test_tree_sum(n: int, block: int, seed: int) -> None:
    x, out = np.random.default_rng(seed).random(n), np.zeros(1)
    kernel("tree_sum")(
        drv.InOut(out), drv.In(x), np.int32(n), block=(block, 1, 1), grid=(blocks(n, block), 1), shared=8 * block
    )
    np.testing.assert_allclose(out[0], x.sum(), rtol=1e-12)


@often
@given(n=sizes, warps=st.integers(1, 8), grid=st.integers(1, 5), seed=seeds)
def test_maximum_by_shuffles(n: int, warps: int, grid: int, seed: int) -> None:
    x = np.random.default_rng(seed).integers(-(2**31), 2**31, n, dtype=np.int32)
    out = np.full(1, -(2**31), np.int32)
    kernel("maximum")(drv.InOut(out), drv.In(x), np.int32(n), block=(32 * warps, 1, 1), grid=(grid, 1))
    assert out[0] == x.max()


@often
@given(n=sizes, bins=st.integers(1, 256), seed=seeds)
def test_histogram(n: int, bins: int, seed: int) -> None:
    data = np.random.default_rng(seed).integers(0, 256, n, dtype=np.uint8)
    counts = np.zeros(bins, np.uint32)
    kernel("histogram")(
        drv.InOut(counts), drv.In(data), np.int32(n), np.int32(bins), block=(96, 1, 1), grid=(4, 1), shared=4 * bins
    )
    assert np.array_equal(counts, np.bincount(data.astype(int) % bins, minlength=bins))


@often
@given(height=sides, width=sides, seed=seeds)
def test_convolution_from_constant_memory_in_a_stream(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    taps = rng.standard_normal(9, np.float32)
    image = drv.pagelocked_empty((height, width), np.float32)
    image[:] = rng.standard_normal((height, width), np.float32)
    result = drv.pagelocked_zeros((height, width), np.float32)
    address, size = module().get_global("filter")
    assert size == taps.nbytes
    stream = drv.Stream()
    source, target = drv.mem_alloc(image.nbytes), drv.mem_alloc(image.nbytes)
    drv.memcpy_htod(address, taps)
    drv.memcpy_htod_async(source, image, stream)
    grid = (blocks(width, 8), blocks(height, 8))
    kernel("convolve")(target, source, np.int32(height), np.int32(width), block=(8, 8, 1), grid=grid, stream=stream)
    drv.memcpy_dtoh_async(result, target, stream)
    stream.synchronize()
    padded = np.pad(np.asarray(image), 1)
    expected = sum(taps[3 * y + x] * padded[y : y + height, x : x + width] for y in range(3) for x in range(3))
    np.testing.assert_allclose(result, expected, atol=1e-4)


@often
@given(n=sizes, seed=seeds)
def test_structures_in_arrays_and_as_arguments(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    kind = np.dtype([("x", "f4"), ("y", "f4"), ("mass", "f4"), ("alive", "i4")])
    bodies = np.zeros(n, kind)
    bodies["x"], bodies["mass"], bodies["alive"] = rng.random(n), rng.random(n), rng.integers(0, 2, n)
    before, sums = bodies.copy(), np.zeros(2, np.float32)
    offset = np.array((1.5, -2.0, 0.0, 0), kind)[()]
    kernel("centre")(drv.InOut(bodies), drv.InOut(sums), np.int32(n), offset, block=(64, 1, 1), grid=(blocks(n, 64), 1))
    alive = before["alive"] == 1
    moved = before["x"] + np.float32(1.5) * alive
    assert np.array_equal(bodies["x"], moved) and np.array_equal(bodies["y"], np.where(alive, -2, 0))
    np.testing.assert_allclose(sums, [(before["mass"] * moved)[alive].sum(), before["mass"][alive].sum()], rtol=1e-3)
    done = np.zeros(1, np.uint32)
    drv.memcpy_dtoh(done, module().get_global("blocks_done")[0])
    assert done[0] == 0  # atomicInc wrapped around after the last block


@often
@given(n=st.integers(1, 500), seed=seeds)
def test_scan_by_a_template(n: int, seed: int) -> None:
    x = np.random.default_rng(seed).integers(-1000, 1000, n, dtype=np.int32)
    out = np.zeros(n, np.int64)
    scan = cache(lambda: SourceModule(SCAN, no_extern_c=True))().get_function("scan")
    scan(drv.Out(out), drv.In(x), np.int32(n), block=(64, 1, 1))
    assert np.array_equal(out, np.cumsum(x))
