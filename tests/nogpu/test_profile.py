"""The profile's counts, each against figures derived by hand from how GPUs serve a warp, never from our own output.

Rules used below (Nsight Compute, "Kernel Profiling Guide", Metrics Decoder; CUDA C++ Programming Guide, "Device Memory
Accesses" and "Shared Memory"): 32 threads are a warp; a request is one warp's one execution of a load or store; it
moves the distinct aligned 32-byte sectors that its lanes touch; shared memory has 32 banks of 4 bytes, and serves in
one wavefront at most one word of each bank, to as many lanes as ask for it. Arrays begin at multiples of 256 bytes, as
cuMemAlloc's do.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nogpu
from nogpu.cuda.inspection import machine_code
from nogpu.cuda.inspection.profile import Array, Counters, Profile, Request
from nogpu.cuda.toolchain import Toolchain

F = np.float32


def profile_of(source: str, *arguments: Any, block: Any = 32, grid: Any = 1, **more: Any) -> Profile:
    """Inspect the kernel `k`, which must be clean, and return its profile."""
    report = nogpu.inspect(source, "k", *arguments, block=block, grid=grid, **more)
    assert not report.errors, str(report)
    return report.profile


def counts(source: str, *arguments: Any, **launch: Any) -> Counters:
    return profile_of(source, *arguments, **launch).total


# --- global memory ------------------------------------------------------------------------------------------------

COPY = """__global__ void k(float* out, const float* in, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = in[i];
}"""


def test_a_coalesced_copy() -> None:
    x, y = np.arange(1024, dtype=F), np.zeros(1024, F)
    t = counts(COPY, y, x, np.int32(1024), block=256, grid=4)
    assert (x == y).all()
    # 1024 threads are 32 warps: each loads once, 32 × 4 bytes = 128 bytes = 4 sectors, and stores the same.
    assert (t.global_load_requests, t.global_load_sectors) == (32, 128)
    assert (t.global_store_requests, t.global_store_sectors) == (32, 128)
    assert (t.global_bytes_read, t.global_bytes_written) == (4096, 4096)
    assert t.load_sectors_per_request == t.store_sectors_per_request == 4
    assert t.dram_bytes == 8192  # 256 sectors
    assert t.simt_efficiency == 1 and t.flops == t.atomics == t.barriers == t.bank_conflicts == 0


def test_a_guarded_copy_has_a_last_warp_that_is_not_full() -> None:
    t = counts(COPY, np.zeros(1000, F), np.ones(1000, F), np.int32(1000), block=256, grid=4)
    # 1000 = 31 full warps and 8 threads, whose 32 bytes are one sector: 31 × 4 + 1 = 125 sectors in 32 requests.
    assert (t.global_load_requests, t.global_load_sectors) == (32, 125)
    assert (t.global_store_requests, t.global_store_sectors) == (32, 125)
    assert t.global_bytes_read == 4000
    assert t.simt_efficiency < 1  # 24 lanes of the last warp do not go into the branch


@pytest.mark.parametrize(("stride", "sectors"), [(1, 4), (2, 8), (3, 12), (4, 16), (8, 32), (16, 32), (32, 32)])
def test_a_strided_read(stride: int, sectors: int) -> None:
    source = """__global__ void k(float* out, const float* in, int stride) {
      int i = threadIdx.x; out[i] = in[i * stride]; }"""
    # Lane i reads byte 4 × stride × i: up to stride 8 the span of 128 × stride bytes is touched in every sector (at
    # stride 3 the step of 12 bytes is less than a sector); from there on each lane has a sector of its own.
    t = counts(source, np.zeros(32, F), np.ones(32 * stride, F), np.int32(stride))
    assert t.load_sectors_per_request == sectors and t.store_sectors_per_request == 4
    assert t.dram_bytes == 32 * (sectors + 4)


def test_an_offset_of_one_element_costs_a_fifth_sector() -> None:
    source = "__global__ void k(float* out, const float* in) { int i = threadIdx.x; out[i] = in[i + 1]; }"
    # Warp w reads bytes 128w + 4 to 128w + 131: the sectors from 4w to 4w + 4.
    t = counts(source, np.zeros(64, F), np.ones(65, F), block=64)
    assert (t.global_load_requests, t.global_load_sectors) == (2, 10)


def test_the_order_of_the_lanes_does_not_matter() -> None:
    source = "__global__ void k(float* out, const float* in) { int i = threadIdx.x; out[i] = in[i ^ 31]; }"
    assert counts(source, np.zeros(64, F), np.ones(64, F), block=64).load_sectors_per_request == 4


@pytest.mark.skipif(Toolchain.find().is_clang, reason="clang++ takes structs apart, and loads each member by itself")
def test_float4_asks_for_16_bytes_a_lane_in_one_request() -> None:
    source = """__global__ void k(float4* out, const float4* in) {
      int i = blockIdx.x * blockDim.x + threadIdx.x;
      float4 v = in[i];
      v.x *= 2; v.y *= 2; v.z *= 2; v.w *= 2;
      out[i] = v; }"""
    x, y = np.arange(512, dtype=F), np.zeros(512, F)
    t = counts(source, y, x, block=64, grid=2)
    assert (y == 2 * x).all()
    # 128 threads are 4 warps; 32 × 16 bytes = 512 bytes = 16 sectors.
    assert (t.global_load_requests, t.global_load_sectors) == (4, 64)
    assert (t.global_store_requests, t.global_store_sectors) == (4, 64)
    assert t.global_bytes_read == 2048 and t.flops == 512


def test_bytes_share_a_sector() -> None:
    source = "__global__ void k(unsigned char* out, const unsigned char* in) { out[threadIdx.x] = in[threadIdx.x]; }"
    # 32 lanes × 1 byte = 32 bytes: one sector.
    t = counts(source, np.zeros(64, np.uint8), np.ones(64, np.uint8), block=64)
    assert (t.global_load_requests, t.global_load_sectors, t.global_bytes_read) == (2, 2, 64)


def test_a_broadcast_moves_one_sector() -> None:
    source = "__global__ void k(float* out, const float* in) { out[threadIdx.x] = in[5]; }"
    t = counts(source, np.zeros(32, F), np.ones(8, F))
    assert (t.global_load_requests, t.global_load_sectors) == (1, 1)
    assert t.global_bytes_read == 128  # what the threads asked for: 32 × 4


@pytest.mark.parametrize(("index", "sectors"), [("y * 32 + x", 4), ("x * 32 + y", 32)])
def test_a_matrix_read_by_rows_and_by_columns(index: str, sectors: int) -> None:
    source = f"""__global__ void k(float* out, const float* in) {{
      int x = threadIdx.x, y = threadIdx.y; out[y * 32 + x] = in[{index}]; }}"""
    # A warp is one y with 32 values of x: a row of 128 bytes, or a column with 128 bytes from element to element.
    t = counts(source, np.zeros((32, 32), F), np.ones((32, 32), F), block=(32, 8))
    assert (t.global_load_requests, t.global_load_sectors) == (8, 8 * sectors)


def test_a_warp_of_a_16_by_16_block_is_two_rows() -> None:
    source = """__global__ void k(float* out, const float* in) {
      int x = threadIdx.x, y = threadIdx.y; out[y * 64 + x] = in[y * 64 + x]; }"""
    # Two runs of 16 × 4 = 64 bytes, 256 bytes apart: 2 + 2 sectors.
    t = counts(source, np.zeros((16, 64), F), np.ones((16, 64), F), block=(16, 16))
    assert (t.global_load_requests, t.global_load_sectors) == (8, 32)


def test_a_struct_of_three_floats_takes_three_requests() -> None:
    source = """struct point { float x, y, z; };
    __global__ void k(point* out, const point* in) { out[threadIdx.x] = in[threadIdx.x]; }"""
    # No instruction moves 12 bytes. Each of the three steps by 12 bytes over 384 bytes, and so touches all 12 sectors.
    x, y = np.arange(96, dtype=F), np.zeros(96, F)
    t = counts(source, y, x)
    assert (x == y).all()
    assert (t.global_load_requests, t.global_load_sectors) == (3, 36)
    assert t.global_bytes_read == 384


def test_a_gather_has_the_sectors_that_numpy_finds() -> None:
    source = """__global__ void k(float* out, const float* in, const int* index) {
      int i = blockIdx.x * blockDim.x + threadIdx.x; out[i] = in[index[i]]; }"""
    index = np.random.default_rng(6).integers(0, 4096, 1024).astype(np.int32)
    for span in (16, 300, 4096):  # few sectors, some, and more than fit into one look
        chosen = index % span
        expected = sum(len(np.unique(warp * 4 // 32)) for warp in chosen.reshape(32, 32))
        t = counts(source, np.zeros(1024, F), np.ones(4096, F), chosen, block=128, grid=8)
        assert t.global_load_sectors == expected + 32 * 4  # and the indices themselves, coalesced
        assert t.global_load_requests == 64


# --- shared memory ------------------------------------------------------------------------------------------------

SHARED = """__global__ void k({T}* out) {{
  __shared__ {T} s[{size}];
  for (int i = threadIdx.x; i < {size}; i += blockDim.x) s[i] = {zero};
  __syncthreads();
  out[threadIdx.x] = s[{index}];
}}"""


@pytest.mark.parametrize(
    ("kind", "index", "wavefronts", "conflicts"),
    [
        ("float", "threadIdx.x", 1, 0),
        ("float", "threadIdx.x * 2", 2, 1),  # lanes i and i + 16: banks 2i, words 32 apart
        ("float", "threadIdx.x * 3", 1, 0),  # 3 and 32 have no common divisor: 32 different banks
        ("float", "threadIdx.x * 8", 8, 7),  # four banks, eight words each
        ("float", "threadIdx.x * 32", 32, 31),  # all in bank 0
        ("float", "threadIdx.x * 33", 1, 0),
        ("float", "7", 1, 0),  # one word for all: broadcast
        ("float", "threadIdx.x / 2", 1, 0),  # 16 words for pairs of lanes
        ("float", "(threadIdx.x & 1) * 32", 2, 1),  # two words of bank 0
        ("unsigned char", "threadIdx.x", 1, 0),  # four lanes a word
        ("unsigned char", "threadIdx.x * 4", 1, 0),
        ("unsigned char", "threadIdx.x * 8", 2, 1),
        ("double", "threadIdx.x", 2, 0),  # 256 bytes: two halves of the warp, each all banks once
        ("double", "threadIdx.x * 2", 4, 2),  # in each half lanes i and i + 8 meet: 4i words, modulo 32
        ("double", "7", 1, 0),  # neighbouring lanes agree: both halves at once, one word pair
        ("float4", "threadIdx.x", 4, 0),  # 512 bytes: four quarters of the warp, each all banks once
        ("float4", "threadIdx.x * 2", 8, 4),  # in each quarter lanes i and i + 4 meet: 8i words, modulo 32
        ("float4", "7", 2, 0),  # neighbouring lanes agree: half as many phases
    ],
)
def test_wavefronts_of_shared_memory(kind: str, index: str, wavefronts: int, conflicts: int) -> None:
    zero = "make_float4(0, 0, 0, 0)" if kind == "float4" else "0"
    source = SHARED.format(T=kind, size=1088, index=index, zero=zero)
    output = np.zeros({"float": 128, "unsigned char": 32, "double": 256, "float4": 512}[kind], np.uint8)
    lines = profile_of(source, output.view({"float": F, "double": np.float64}.get(kind, np.uint8))
                       if kind != "float4" else output.view(F)).lines  # fmt: skip
    load = lines[5]
    assert load.shared_load_requests == 1
    assert (load.shared_load_wavefronts, load.shared_load_conflicts) == (wavefronts, conflicts)
    assert load.bank_conflicts == conflicts


def test_wavefronts_of_random_words() -> None:
    source = """__global__ void k(float* out, const int* index) {
      __shared__ float s[1024];
      for (int i = threadIdx.x; i < 1024; i += blockDim.x) s[i] = 0;
      __syncthreads();
      int at = index[blockIdx.x * blockDim.x + threadIdx.x];
      out[blockIdx.x * blockDim.x + threadIdx.x] = s[at];
    }"""
    index = np.random.default_rng(7).integers(0, 1024, 512).astype(np.int32)
    expected = 0
    for warp in index.reshape(16, 32):
        words = np.unique(warp)
        expected += int(np.bincount(words % 32).max())
    line = profile_of(source, np.zeros(512, F), index, block=128, grid=4).lines[6]
    assert (line.shared_load_requests, line.shared_load_wavefronts) == (16, expected)


TRANSPOSE = """#define N 64
__global__ void k(float* out, const float* in) {{
  __shared__ float tile[32][{width}];
  int x = blockIdx.x * 32 + threadIdx.x, y = blockIdx.y * 32 + threadIdx.y;
  tile[threadIdx.y][threadIdx.x] = in[y * N + x];
  __syncthreads();
  x = blockIdx.y * 32 + threadIdx.x; y = blockIdx.x * 32 + threadIdx.y;
  out[y * N + x] = tile[threadIdx.x][threadIdx.y];
}}"""


def test_the_naive_transpose_stores_columns() -> None:
    source = """__global__ void k(float* out, const float* in) {
      int x = blockIdx.x * 32 + threadIdx.x, y = blockIdx.y * 32 + threadIdx.y;
      out[x * 64 + y] = in[y * 64 + x]; }"""
    x, y = np.arange(4096, dtype=F).reshape(64, 64), np.zeros((64, 64), F)
    t = counts(source, y, x, block=(32, 32), grid=(2, 2))
    assert (y == x.T).all()
    # 128 warps: rows of 128 bytes are loaded, elements 256 bytes apart are stored.
    assert (t.global_load_requests, t.load_sectors_per_request) == (128, 4)
    assert (t.global_store_requests, t.store_sectors_per_request) == (128, 32)


@pytest.mark.parametrize(("width", "wavefronts"), [(32, 32), (33, 1)])
def test_the_tiled_transpose_is_coalesced_and_padding_cures_its_banks(width: int, wavefronts: int) -> None:
    x, y = np.arange(4096, dtype=F).reshape(64, 64), np.zeros((64, 64), F)
    t = counts(TRANSPOSE.format(width=width), y, x, block=(32, 32), grid=(2, 2))
    assert (y == x.T).all()
    assert t.load_sectors_per_request == t.store_sectors_per_request == 4
    # Each warp writes a row of the tile (one wavefront) and reads a column: words `width` apart.
    assert (t.shared_store_requests, t.shared_store_wavefronts) == (128, 128)
    assert (t.shared_load_requests, t.shared_load_wavefronts) == (128, 128 * wavefronts)
    assert t.bank_conflicts == 128 * (wavefronts - 1)
    assert t.barriers == 4  # one in each of four blocks


# --- divergence ---------------------------------------------------------------------------------------------------


def test_half_a_warp_in_a_branch() -> None:
    source = """__global__ void k(float* a) {
      float x = a[threadIdx.x];
      if (threadIdx.x < 16)
        x = x * 3.0f;
      else
        x = x + 5.0f;
      a[threadIdx.x] = x;
    }"""
    lines = profile_of(source, np.ones(32, F)).lines
    # Both sides are executed, one after the other, each with half of the lanes; before and after, all take part.
    assert lines[4].simt_efficiency == lines[6].simt_efficiency == 0.5
    assert lines[4].flops == lines[6].flops == 16
    assert lines[2].simt_efficiency == lines[7].simt_efficiency == 1


def test_even_and_odd_warps_do_not_diverge() -> None:
    source = """__global__ void k(float* a) {
      float x = a[threadIdx.x];
      if (threadIdx.x / 32 % 2) x = x * 3.0f;
      else x = x + 5.0f;
      a[threadIdx.x] = x;
    }"""
    t = counts(source, np.ones(128, F), block=128)
    assert t.simt_efficiency == 1 and t.flops == 128


def test_a_loop_that_lanes_leave_one_after_the_other() -> None:
    source = """__global__ void k(float* out, const float* in) {
      float sum = 0;
      for (int i = 0; i < threadIdx.x; i++)
        sum += in[i];
      out[threadIdx.x] = sum;
    }"""
    body = profile_of(source, np.zeros(32, F), np.ones(32, F)).lines[4]
    # Lane l goes round l times: the warp 31 times, with 31, 30, ... 1 lanes, 496 in all. Each turn all read one word.
    assert (body.global_load_requests, body.global_load_sectors) == (31, 31)
    assert body.global_bytes_read == 496 * 4 and body.flops == 496
    assert body.simt_efficiency == 496 / (32 * 31) == 0.5


def test_a_block_that_does_not_fill_its_last_warp() -> None:
    source = "__global__ void k(float* a) { a[threadIdx.x] = 1; }"
    t = counts(source, np.zeros(40, F), block=40)
    assert (t.global_store_requests, t.global_store_sectors) == (2, 5)
    assert t.simt_efficiency == 40 / 64


def test_integer_code_diverges_too() -> None:
    source = """__global__ void k(int* steps) {
      int n = threadIdx.x == 0 ? 27 : 1, count = 0;
      while (n != 1) { n = n % 2 ? 3 * n + 1 : n / 2; count++; }
      steps[threadIdx.x] = count;
    }"""
    steps = np.zeros(32, np.int32)
    t = counts(source, steps)
    assert steps[0] == 111 and not steps[1:].any()  # 27 takes 111 steps to 1 (OEIS A006577)
    assert t.simt_efficiency < 0.2  # one lane works, 31 wait


# --- arithmetic, atomics, barriers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "flops"),
    [
        ("x + y", 1),
        ("x * y - x", 2),  # two operations, whether or not the compiler fuses them
        ("x / y", 1),
        ("sqrtf(x)", 1),
        ("fmaf(x, y, x)", 2),
        ("__fmaf_rn(x, y, x)", 2),
        ("expf(x)", 1),
        ("powf(x, y)", 1),
        ("fmaxf(x, y)", 0),
        ("-fabsf(x)", 0),
        ("x > y ? x : y", 0),
        ("(float)((int)x * 3 + (int)y)", 0),
        ("(float)((double)x * (double)y)", 1),
    ],
)
def test_floating_point_operations(expression: str, flops: int) -> None:
    source = f"""__global__ void k(float* a, const float* b) {{
      float x = a[threadIdx.x], y = b[threadIdx.x];
      a[threadIdx.x] = {expression};
    }}"""
    assert counts(source, np.full(64, 2, F), np.full(64, 3, F), block=64).flops == 64 * flops


MATMUL = """__global__ void k(float* C, const float* A, const float* B, int n) {
  int row = blockIdx.y * blockDim.y + threadIdx.y, column = blockIdx.x * blockDim.x + threadIdx.x;
  float sum = 0;
  for (int i = 0; i < n; i++)
    sum += A[row * n + i] * B[i * n + column];
  C[row * n + column] = sum;
}"""
TILED = """#define T 16
__global__ void k(float* C, const float* A, const float* B, int n) {
  __shared__ float a[T][T], b[T][T];
  int x = threadIdx.x, y = threadIdx.y, row = blockIdx.y * T + y, column = blockIdx.x * T + x;
  float sum = 0;
  for (int t = 0; t < n; t += T) {
    a[y][x] = A[row * n + t + x];
    b[y][x] = B[(t + y) * n + column];
    __syncthreads();
    for (int i = 0; i < T; i++)
      sum += a[y][i] * b[i][x];
    __syncthreads();
  }
  C[row * n + column] = sum;
}"""


def test_the_naive_matrix_product() -> None:
    n = 48
    A, B, C = np.random.default_rng(0).random((3, n, n), dtype=F)
    profile = profile_of(MATMUL, C, A, B, np.int32(n), block=(16, 16), grid=(3, 3))
    np.testing.assert_allclose(C, A @ B, rtol=1e-5)
    t, warps = profile.total, n * n // 32
    assert t.flops == 2 * n**3
    # A warp is 2 rows of 16 columns. A[row][i] is one element in each of two rows, 192 bytes apart: 2 sectors.
    # B[i][column]: 16 floats = 64 bytes from a multiple of 64 on, the same for both rows: 2 sectors. C: 2 rows of 2.
    assert (t.global_load_requests, t.global_load_sectors) == (warps * n * 2, warps * n * 4)
    assert (t.global_store_requests, t.global_store_sectors) == (warps, warps * 4)
    assert t.global_bytes_read == 2 * n**3 * 4 and t.global_bytes_written == n * n * 4
    assert t.arithmetic_intensity == pytest.approx(2 * n**3 / (32 * (warps * n * 4 + warps * 4)))
    assert t.simt_efficiency == 1


def test_the_tiled_matrix_product_loads_a_sixteenth() -> None:
    n = 48
    A, B, C = np.random.default_rng(1).random((3, n, n), dtype=F)
    profile = profile_of(TILED, C, A, B, np.int32(n), block=(16, 16), grid=(3, 3))
    np.testing.assert_allclose(C, A @ B, rtol=1e-5)
    t, warps, tiles = profile.total, n * n // 32, n // 16
    assert t.flops == 2 * n**3
    assert t.global_bytes_read == 2 * n**3 * 4 // 16  # each element is loaded once for 16 threads
    # A tile's two rows of 64 bytes: 4 sectors, for A and for B.
    assert (t.global_load_requests, t.global_load_sectors) == (warps * tiles * 2, warps * tiles * 8)
    # b[i][x]: 16 words next to each other, for both rows the same. a[y][i]: two words, 16 apart. No conflicts.
    assert t.shared_load_requests == t.shared_load_wavefronts == warps * n * 2
    assert t.shared_store_requests == t.shared_store_wavefronts == warps * tiles * 2
    assert t.bank_conflicts == 0
    assert t.barriers == 9 * tiles * 2  # blocks × tiles × two
    assert profile.lines[9].barriers == profile.lines[12].barriers == 9 * tiles
    assert profile.lines[11].flops == 2 * n**3 and set(profile.lines) <= set(range(1, 16))


HISTOGRAM = """__global__ void k(int* bins, const unsigned char* data, int n) {{
  {shared}
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) atomicAdd(&{to}[data[i]], 1);
  {merge}
}}"""


def test_atomics_are_counted_for_each_thread_and_each_memory() -> None:
    data = np.random.default_rng(2).integers(0, 64, 1000).astype(np.uint8)
    bins = np.zeros(64, np.int32)
    t = counts(HISTOGRAM.format(shared="", to="bins", merge=""), bins, data, np.int32(1000), block=64, grid=4)
    assert (bins == np.bincount(data, minlength=64)).all()
    assert (t.global_atomics, t.shared_atomics, t.atomics) == (1000, 0, 1000)
    assert t.global_store_requests == 0 and t.global_bytes_read == 1000  # the data only
    bins[:] = 0
    private = HISTOGRAM.format(
        shared="__shared__ int own[64]; own[threadIdx.x] = 0; __syncthreads();",
        to="own",
        merge="__syncthreads(); atomicAdd(&bins[threadIdx.x], own[threadIdx.x]);",
    )
    t = counts(private, bins, data, np.int32(1000), block=64, grid=4)
    assert (bins == np.bincount(data, minlength=64)).all()
    assert (t.global_atomics, t.shared_atomics) == (4 * 64, 1000)  # 64 bins of each of four blocks


def test_a_float_atomic_is_one_atomic_and_no_flop() -> None:
    source = "__global__ void k(float* sum, const float* x) { atomicAdd(sum, x[threadIdx.x]); }"
    t = counts(source, np.zeros(1, F), np.ones(64, F), block=64)
    assert (t.global_atomics, t.flops) == (64, 0)
    assert (t.global_load_requests, t.global_store_requests) == (2, 0)  # x only


def test_a_tree_reduction() -> None:
    source = """__global__ void k(float* out, const float* in) {
      __shared__ float s[256];
      int t = threadIdx.x;
      s[t] = in[blockIdx.x * 256 + t];
      __syncthreads();
      for (int step = 128; step > 0; step /= 2) {
        if (t < step) s[t] += s[t + step];
        __syncthreads();
      }
      if (t == 0) out[blockIdx.x] = s[0];
    }"""
    x, out = np.random.default_rng(3).random(768, dtype=F), np.zeros(3, F)
    profile = profile_of(source, out, x, block=256, grid=3)
    np.testing.assert_allclose(out, x.reshape(3, 256).sum(1), rtol=1e-5)
    t, add = profile.total, profile.lines[7]
    assert t.flops == 3 * 255
    # Steps 128, 64, 32, 16, 8, 4, 2, 1 keep 4, 2, 1, 1, 1, 1, 1, 1 warps busy: 12, each with two loads and a store.
    assert (add.shared_load_requests, add.shared_store_requests) == (3 * 24, 3 * 12)
    assert t.bank_conflicts == 0
    assert t.barriers == 3 * 9  # one, and one for each of eight steps
    # Thread instructions over warps: 128 + ... + 1 = 255 lanes in 12 warps.
    assert add.shared_load_wavefronts == add.shared_load_requests
    assert (profile.lines[10].global_store_requests, profile.lines[10].global_store_sectors) == (3, 3)


def test_a_barrier_that_the_last_thread_does_not_reach_is_passed_all_the_same() -> None:
    source = """__global__ void k(float* a) {
      if (threadIdx.x >= 32) return;
      __syncthreads();
      a[blockIdx.x * 32 + threadIdx.x] = 1;
    }"""
    # Since Volta a barrier waits for the threads that have not exited (CUDA C++ Programming Guide, "Synchronization").
    profile = profile_of(source, np.zeros(96, F), block=64, grid=3)
    assert profile.lines[3].barriers == profile.total.barriers == 3


def test_a_branch_taken_in_different_turns_is_a_request_in_each() -> None:
    source = """__global__ void k(float* out, const float* in, int turns) {
      float x = 0;
      for (int i = 0; i < turns; i++)
        if ((threadIdx.x & 3) == i)
          x += in[threadIdx.x];
      out[threadIdx.x] = x;
    }"""
    # In each of the first four turns of the loop 8 lanes, four elements apart, load and add: 8 × 16 bytes = 4 sectors.
    line = profile_of(source, np.zeros(32, F), np.ones(32, F), np.int32(9)).lines[5]
    assert (line.global_load_requests, line.global_load_sectors) == (4, 16)
    assert (line.global_bytes_read, line.flops) == (128, 32)
    assert line.simt_efficiency == 0.25


def test_a_data_dependent_branch_in_a_loop() -> None:
    source = """__global__ void k(float* out, const float* in, int n) {
      float sum = 0;
      for (int i = threadIdx.x; i < n; i += 32)
        if (in[i] > 0.5f)
          sum += in[i + n] * 2;
      out[threadIdx.x] = sum;
    }"""
    data = np.random.default_rng(11).random(2 * 1000, dtype=F)
    line = profile_of(source, np.zeros(32, F), data, np.int32(1000)).lines[5]
    requests = sectors = 0
    for start in range(0, 1000, 32):
        taken = [1000 + i for i in range(start, min(start + 32, 1000)) if data[i] > 0.5]
        requests += bool(taken)
        sectors += len({4 * i // 32 for i in taken})
    assert (line.global_load_requests, line.global_load_sectors) == (requests, sectors)
    taken_in_all = int((data[:1000] > 0.5).sum())
    assert line.flops == 2 * taken_in_all
    assert line.simt_efficiency == pytest.approx(taken_in_all / (32 * requests))


def test_turns_of_a_loop_within_a_loop() -> None:
    source = """__global__ void k(float* out, const float* in, int n) {
      float sum = 0;
      for (int row = 0; row < n; row++)
        for (int i = 0; i < n; i++)
          if ((i + row + threadIdx.x) % 2 == 0)
            sum += in[i];
      out[threadIdx.x] = sum;
    }"""
    # In each of the n × n turns, half of the lanes read one element.
    line = profile_of(source, np.zeros(32, F), np.ones(8, F), np.int32(6)).lines[6]
    assert (line.global_load_requests, line.global_load_sectors) == (36, 36)
    assert line.flops == 36 * 16 and line.simt_efficiency == 0.5


def test_inner_loops_of_different_lengths_are_a_lower_bound() -> None:
    source = """__global__ void k(float* out, const float* in, int n) {
      float sum = 0;
      for (int row = 0; row < n; row++) {
        int most = (row + threadIdx.x) % 2 ? 5 : 3;
        for (int i = 0; i < most; i++)
          sum += in[i];
      }
      out[threadIdx.x] = sum;
    }"""
    # A GPU waits for the longer lanes at the end of each inner loop: 2 × 5 turns. Here turns are counted through, as
    # the module says: 3 + 5 in each lane. Bytes and operations do not depend on that.
    line = profile_of(source, np.zeros(32, F), np.ones(8, F), np.int32(2)).lines[6]
    assert line.global_load_requests == 8 <= 10
    assert line.global_bytes_read == 32 * 8 * 4 and line.flops == 32 * 8


def test_constant_and_local_memory_are_neither_global_nor_shared() -> None:
    source = """__constant__ float factors[4] = {1, 2, 3, 4};
    __global__ void k(float* out, int at) {
      float own[8];
      for (int i = 0; i < 8; i++) own[i] = i * factors[i % 4];
      out[threadIdx.x] = own[at];
    }"""
    t = counts(source, np.zeros(32, F), np.int32(3))
    assert (t.global_load_requests, t.shared_load_requests, t.shared_store_requests) == (0, 0, 0)
    assert t.global_store_requests == 1


# --- what is kept, and how it travels -----------------------------------------------------------------------------


def test_accesses_of_one_warp_by_occurrence() -> None:
    n = 48
    A, B, C = np.ones((3, n, n), F)
    report = nogpu.inspect(MATMUL, "k", C, A, B, np.int32(n), block=(16, 16), grid=(3, 3))
    found = report.accesses(5, warp=1, occurrence=3)
    a = [access for access in found if access.array == "A"]
    b = [access for access in found if access.array == "B"]
    assert [access.lane for access in a] == list(range(32)) == [access.lane for access in b]
    # Warp 1 of a 16 × 16 block is its rows 2 and 3; the fourth turn reads A[row][3] and B[3][column].
    assert [access.thread for access in a][15:17] == [(15, 2, 0), (0, 3, 0)]
    assert [access.index for access in a] == [2 * n + 3] * 16 + [3 * n + 3] * 16
    assert [access.index for access in b] == [*range(3 * n, 3 * n + 16)] * 2
    assert {access.space for access in found} == {"global"} and not any(access.is_write for access in found)
    last = report.accesses(6, block=(2, 2, 0))
    assert last[0].is_write and (last[0].array, last[0].index) == ("C", 32 * n + 32)


def test_what_is_not_kept_is_said() -> None:
    report = nogpu.inspect(COPY, "k", np.zeros(256, F), np.ones(256, F), np.int32(256), block=64, grid=4)
    with pytest.raises(
        LookupError, match="no access to global or shared memory is kept for line 2; lines that have: 3"
    ):
        report.accesses(2)
    with pytest.raises(LookupError, match=r"kept are blocks \(0, 0, 0\), \(3, 0, 0\), warps 0, 1"):
        report.accesses(3, block=(1, 0, 0))


def test_shared_arrays_begin_at_bank_0() -> None:
    report = nogpu.inspect(TRANSPOSE.format(width=33), "k", np.zeros((64, 64), F), np.ones((64, 64), F),
                           block=(32, 32), grid=(2, 2))  # fmt: skip
    store = [access for access in report.accesses(5) if access.space == "shared"]
    assert [access.address for access in store] == [4 * lane for lane in range(32)]
    load = [access for access in report.accesses(8, warp=1) if access.space == "shared"]
    assert [access.address // 4 % 32 for access in load] == [(33 * lane + 1) % 32 for lane in range(32)]
    assert {access.array for access in store + load} == {"tile"}


def test_long_loops_are_extrapolated_and_say_so() -> None:
    source = """__global__ void k(float* out, const float* in, int n) {
      float sum = 0;
      for (int i = 0; i < n; i++) sum += in[i % 8 + threadIdx.x * 8];
      out[threadIdx.x] = sum;
    }"""
    n = 300_000
    profile = profile_of(source, np.zeros(2, F), np.ones(16, F), np.int32(n), block=2)
    assert not profile.exact
    # Each turn both lanes read, each from a sector of its own.
    assert (profile.total.global_load_requests, profile.total.global_load_sectors) == (n, 2 * n)
    assert profile.total.flops == 2 * n
    assert profile_of(source, np.zeros(2, F), np.ones(16, F), np.int32(1000), block=2).exact


def test_a_profile_travels_as_plain_data() -> None:
    profile = profile_of(TRANSPOSE.format(width=32), np.zeros((64, 64), F), np.ones((64, 64), F),
                         block=(32, 32), grid=(2, 2))  # fmt: skip
    plain = profile.to_plain()

    def is_plain(value: Any) -> bool:
        if isinstance(value, dict):
            return all(isinstance(key, str) and is_plain(each) for key, each in value.items())
        if isinstance(value, list):
            return all(map(is_plain, value))
        return value is None or type(value) in (bool, int, float, str)

    assert is_plain(plain)
    assert Profile.from_plain(plain) == profile


def test_packed_addresses_come_back_as_they_were() -> None:
    random = np.random.default_rng(9)
    scattered = [int(address) for address in random.integers(0, 1 << 48, 32)]
    rows = [
        [4096 + 4 * lane for lane in range(32)],
        [4096] * 32,
        [None] * 31 + [64],
        [4 * lane if lane < 16 else 512 - 4 * lane for lane in range(32)],
        [address if lane % 3 else None for lane, address in enumerate(scattered)],
        scattered,
    ]
    requests = [Request(1, 0, (0, 0, 0), 0, k, 4, False, False, "global", tuple(row)) for k, row in enumerate(rows)]
    profile = Profile(requests=requests)
    plain = profile.to_plain()
    assert Profile.from_plain(plain) == profile
    assert [len(each[-1]) for each in plain["requests"]] == [1, 1, 1, 2, 32, 32]


def test_a_profile_shows_itself_as_a_table() -> None:
    profile = profile_of(TRANSPOSE.format(width=32), np.zeros((64, 64), F), np.ones((64, 64), F),
                         block=(32, 32), grid=(2, 2))  # fmt: skip
    shown = str(profile).splitlines()
    assert max(map(len, shown)) <= 100
    load = next(line for line in shown if "tile[threadIdx.y]" in line)
    store = next(line for line in shown if "out[y * N + x]" in line)
    assert load.split()[0] == "5" and "128×4" in load and "128×1" in load and load.endswith("100%")
    assert "128×32" in store and "3,968" in store
    assert "all lines" in str(profile) and "atomics" not in str(profile)  # where nothing happened, no column
    html = profile._repr_html_()
    assert html.count("<tr>") == len(profile.lines) + 2 and "3,968" in html
    assert "out[y * N + x] = tile" in html and "<script" not in html


@pytest.mark.parametrize("order", ["reverse", "shuffled"])
def test_the_order_in_which_threads_run_changes_no_count(order: str) -> None:
    n = 48
    A, B, C = np.ones((3, n, n), F)
    for source in (MATMUL, TILED):
        launch = {"block": (16, 16), "grid": (3, 3)}
        forward = profile_of(source, C, A, B, np.int32(n), **launch)
        other = profile_of(source, C, A, B, np.int32(n), **launch, orders=(order,))
        assert forward.lines == other.lines


def test_a_second_inspection_starts_from_zero() -> None:
    arguments = np.zeros(64, F), np.ones(64, F), np.int32(64)
    first, second = (counts(COPY, *arguments, block=64) for _ in range(2))
    assert first == second and first.global_load_requests == 2


def test_ratios_of_nothing() -> None:
    nothing = Counters()
    assert nothing.load_sectors_per_request == nothing.store_sectors_per_request == nothing.arithmetic_intensity == 0
    assert nothing.simt_efficiency == 1 and nothing.dram_bytes == nothing.bank_conflicts == 0


def test_an_address_outside_every_array_has_no_name() -> None:
    request = Request(1, 0, (0, 0, 0), 0, 0, 4, False, False, "global", (4096, 8192))
    profile = Profile(arrays=[Array("x", 4096, 64, 4, "global")], requests=[request])
    inside, outside = profile.accesses(1)
    assert (inside.array, inside.index, outside.array, outside.index) == ("x", 0, "", None)


# --- machine code that this machine cannot run --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mnemonic", "operands", "flops"),
    [
        ("vaddss", "%xmm0,%xmm1,%xmm1", 1),
        ("vfmadd231sd", "%xmm0,%xmm1,%xmm2", 2),
        ("vmulps", "%ymm0,%ymm1,%ymm2", 8),
        ("vmaxss", "%xmm0,%xmm1,%xmm1", 0),
        ("addq", "$8, %rsp", 0),
        ("call", "10b0 <expf@plt>", 1),
        ("call", "10b0 <memcpy@plt>", 0),
        ("fadd", "s0, s1, s2", 1),
        ("fmadd", "d0, d1, d2, d3", 2),
        ("fmla", "v0.4s, v1.4s, v2.4s", 8),
        ("fmul", "v0.2d, v1.2d, v2.2d", 2),
        ("fcmp", "s0, s1", 0),
        ("bl", "4f0 <sinf@plt>", 1),
    ],
)
def test_operations_of_x86_and_arm_instructions(mnemonic: str, operands: str, flops: int) -> None:
    assert machine_code._flops(mnemonic, operands) == flops


@pytest.mark.parametrize(
    ("mnemonic", "operands", "target"),
    [
        ("jne", "1577 <k+0xc8>", 0x1577),
        ("jmp", "1560 <k>", 0x1560),
        ("jmp", "*%rax", None),
        ("call", "10b0 <expf@plt>", None),
        ("b.ne", "7a4 <k+0x34>  // b.any", 0x7A4),
        ("cbz", "w1, 7a4 <k+0x34>", 0x7A4),
        ("tbnz", "w0, #3, 0x7a4 <k+0x34>", 0x7A4),
        ("bl", "4f0 <sinf@plt>", None),
    ],
)
def test_jumps_of_x86_and_arm(mnemonic: str, operands: str, target: int | None) -> None:
    assert machine_code._jump_target(mnemonic, operands) == target
