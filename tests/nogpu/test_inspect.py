"""nogpu.inspect itself: its arguments, its orders, its report in every form."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import nogpu

SAXPY = """
__global__ void saxpy(float a, const float* x, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = a * x[i] + y[i];
}
"""
BROKEN = SAXPY.replace("i < n", "i <= n")
F, N = np.float32, np.int32


def arrays(n: int) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(n, dtype=F), np.ones(n, F)


def broken() -> Any:
    x, y = arrays(40)
    return nogpu.inspect(BROKEN, "saxpy", F(2), x, y, N(40), block=32, grid=2)


def test_arrays_are_changed_in_place() -> None:
    x, y = arrays(1000)
    report = nogpu.inspect(SAXPY, "saxpy", F(2), x, y, N(1000), block=128, grid=8)
    assert report.ok and report.findings == []
    np.testing.assert_array_equal(y, 2 * np.arange(1000, dtype=F) + 1)
    assert report.block == (128, 1, 1) and report.grid == (8, 1, 1) and report.kernel == "saxpy"
    assert report.seconds > 0 and report.source == SAXPY


def test_arrays_of_any_layout() -> None:
    """Strided, read-only, two-dimensional, Fortran-ordered: the kernel sees C order, the caller keeps the layout."""
    y = np.ones((20, 100), F)[:, ::2]
    x = np.asfortranarray(np.arange(1000, dtype=F).reshape(20, 50))
    x.flags.writeable = False
    assert nogpu.inspect(SAXPY, "saxpy", F(1), x, y, N(1000), block=128, grid=8).ok
    np.testing.assert_array_equal(y, x + 1)


@pytest.mark.parametrize("orders", [("forward",), ("reverse",), ("shuffled",), ("forward", "reverse", "shuffled")])
def test_orders_of_a_right_kernel(orders: tuple[str, ...]) -> None:
    x, y = arrays(285)
    report = nogpu.inspect(SAXPY, "saxpy", F(2), x, y, N(285), block=64, grid=5, orders=orders)
    assert report.findings == [], str(report)
    np.testing.assert_array_equal(y, 2 * np.arange(285, dtype=F) + 1)


def test_barriers_and_shuffles_in_every_order() -> None:
    source = """
    __global__ void sum(const float* x, float* out) {
      __shared__ float s[8];
      int t = threadIdx.x + blockDim.x * threadIdx.y;
      float v = x[blockIdx.x * 256 + t];
      for (int step = 16; step > 0; step /= 2) v += __shfl_down_sync(0xffffffff, v, step);
      if (t % 32 == 0) s[t / 32] = v;
      __syncthreads();
      if (t < 8) {
        v = s[t];
        for (int step = 4; step > 0; step /= 2) v += __shfl_down_sync(0xff, v, step, 8);
        if (t == 0) atomicAdd(out, v);
      }
    }"""
    x, out = np.arange(1024, dtype=F), np.zeros(1, F)
    report = nogpu.inspect(source, "sum", x, out, block=(32, 8), grid=4, orders=("reverse", "shuffled", "forward"))
    assert report.findings == [], str(report)
    assert out[0] == x.sum()


def test_empty_arrays() -> None:
    x, y = arrays(0)
    assert nogpu.inspect(SAXPY, "saxpy", F(2), x, y, N(0), block=32).ok
    report = nogpu.inspect(SAXPY, "saxpy", F(2), x, y, N(1), block=32)
    assert [finding.kind for finding in report.errors] == ["out-of-bounds"] * len(report.errors) and report.errors
    assert "x has no elements" in report.errors[0].message


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"kernel": "saxpi"}, LookupError, "it has: saxpy"),
        ({"args": (F(2), *arrays(4))}, TypeError, r"takes 4 arguments \(a, x, y, n\), and 3 were given"),
        ({"args": (2.0, *arrays(4), N(4))}, TypeError, r"a is the Python number 2.0.*numpy.float32\(2.0\)"),
        ({"args": (F(2), [1, 2], arrays(4)[1], N(4))}, TypeError, "x is a pointer: pass a numpy array"),
        ({"block": 2000}, ValueError, "2000 threads, and 1024 is the most"),
        ({"block": (0, 1)}, ValueError, "block is"),
        ({"grid": (1, 70000)}, ValueError, "larger than a GPU allows"),
        ({"shared": 1 << 20}, ValueError, "shared memory"),
        ({"orders": ("backwards",)}, ValueError, "the orders are forward, reverse, shuffled"),
    ],
)
def test_what_cannot_be_launched(change: dict[str, Any], error: type[Exception], says: str) -> None:
    call = {"kernel": "saxpy", "args": (F(2), *arrays(4), N(4)), "block": 32, **change}
    kernel, args = call.pop("kernel"), call.pop("args")
    with pytest.raises(error, match=says):
        nogpu.inspect(SAXPY, kernel, *args, **call)


def test_source_that_does_not_compile() -> None:
    with pytest.raises(nogpu.CompileFailure, match=r'^kernel.cu\(3\): error: identifier "j" is undefined'):
        nogpu.inspect(SAXPY.replace("int i", "int j").replace("int j = ", "int i = j + "), "saxpy")


def test_report_in_every_form() -> None:
    report = broken()
    text = str(report)
    for part in (
        "saxpy: 2 errors (2 blocks of 32 threads)",
        "out-of-bounds",
        "memcheck · line 4",
        "if (i <= n)",
        "x[40]",
    ):
        assert part in text
    html = report._repr_html_()
    assert "if (i &lt;= n)" in html and "x[40]" in html
    plain = json.loads(json.dumps(report.to_plain()))
    again = nogpu.Report.from_plain(plain)
    assert str(again) == text and again.findings == report.findings and again.profile.total == report.profile.total
    assert again.to_plain() == report.to_plain()


def test_findings_are_few() -> None:
    """A kernel that is wrong everywhere gives one finding for each line and array, with a count."""
    source = "__global__ void k(float* x) {\n  for (int i = 0; i < 1000; i++)\n    x[threadIdx.x + 64 + i] = i;\n}"
    report = nogpu.inspect(source, "k", np.zeros(64, F), block=64)
    assert [finding.kind for finding in report.errors if finding.kind == "out-of-bounds"] == ["out-of-bounds"]
    assert report.errors[0].count == 64_000


def test_what_the_kernel_prints_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    source = '__global__ void k() { if (threadIdx.x == 3) printf("thread %d\\n", threadIdx.x); }'
    assert nogpu.inspect(source, "k", block=32).ok
    assert capsys.readouterr().out == "thread 3\n"


RIGHT = {
    "compare and swap": ("""
        __global__ void k(float* best, const float* x, int n) {
          int i = blockIdx.x * blockDim.x + threadIdx.x;
          if (i >= n) return;
          int* a = (int*)best;
          int old = *a, seen;
          do {
            seen = old;
            if (__int_as_float(seen) >= x[i]) break;
            old = atomicCAS(a, seen, __float_as_int(x[i]));
          } while (old != seen);
        }""", lambda: (np.zeros(1, F), np.random.default_rng(0).random(256).astype(F), N(256))),
    "a lock": ("""
        __global__ void k(int* lock, int* counter) {
          if (threadIdx.x % 8 == 0) {
            while (atomicCAS(lock, 0, 1) != 0) { }
            __threadfence();
            *counter += 1;
            __threadfence();
            atomicExch(lock, 0);
          }
        }""", lambda: (np.zeros(1, N), np.zeros(1, N))),
    "volatile among the lanes of a warp": ("""
        __global__ void k(const int* x, int* out) {
          __shared__ int s[64];
          volatile int* v = s;
          int t = threadIdx.x;
          v[t] = x[t] + x[t + 32];
          v[t + 32] = 0;
          for (int step = 16; step > 0; step /= 2) v[t] += v[t + step];
          if (t == 0) out[blockIdx.x] = v[0];
        }""", lambda: (np.arange(64, dtype=N), np.zeros(8, N))),
    "warps that meet at __syncwarp": ("""
        __global__ void k(const int* x, int* out) {
          __shared__ int s[128];
          int t = threadIdx.x, warp = t / 32, lane = t % 32;
          s[t] = x[t];
          for (int step = 16; step > 0; step /= 2) {
            __syncwarp();
            int other = lane < step ? s[t + step] : 0;
            __syncwarp();
            s[t] += other;
          }
          if (lane == 0) out[blockIdx.x * 4 + warp] = s[t];
        }""", lambda: (np.arange(128, dtype=N), np.zeros(32, N))),
    "bytes of the same word": ("""
        __global__ void k(unsigned char* out, unsigned short* more) {
          __shared__ unsigned char s[33];
          s[threadIdx.x] = threadIdx.x;
          __syncwarp();
          out[blockIdx.x * 32 + threadIdx.x] = s[31 - threadIdx.x];
          more[blockIdx.x * 32 + threadIdx.x] = 1;
        }""", lambda: (np.zeros(256, "u1"), np.zeros(256, "u2"))),
    "votes, matches and counts": ("""
        __global__ void k(int* out) {
          int t = threadIdx.x;
          unsigned active = __ballot_sync(0xffffffff, t % 3 == 0);
          int same = __popc(__match_any_sync(0xffffffff, t % 4)), all = __syncthreads_count(t % 2);
          out[blockIdx.x * 64 + t] = __popc(active) + same + all + __syncthreads_or(t == 5);
        }""", lambda: (np.zeros(512, N),)),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_right_kernels_are_silent(name: str) -> None:
    source, arguments = RIGHT[name]
    block = {"warps that meet at __syncwarp": 128, "votes, matches and counts": 64}.get(name, 32)
    report = nogpu.inspect(source, "k", *arguments(), block=block, grid=8, orders=("forward", "reverse", "shuffled"))
    assert report.findings == [], str(report)


def test_templates_namespaces_and_structures() -> None:
    source = """
    namespace course {
    struct Scale { float factor; int offset; };
    template <class T> __global__ void scale(T* x, Scale s, int n) {
      int i = threadIdx.x;
      if (i < n) x[i] = x[i] * s.factor + s.offset;
    }
    template __global__ void scale<float>(float*, Scale, int);
    }"""
    scale = np.zeros((), [("factor", "f4"), ("offset", "i4")])
    scale["factor"], scale["offset"] = 2, 1
    x = np.ones(32, F)
    report = nogpu.inspect(source, "course::scale<float>", x, scale[()], N(32), block=32)
    assert report.ok and (x == 3).all(), str(report)


def test_importing_nogpu_loads_nothing() -> None:
    program = "import sys, nogpu; print('numpy' in sys.modules, 'nogpu.cuda' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert answer.stdout.split() == ["False", "False"]


def test_lab_size_launches_are_quick() -> None:
    n = 256
    source = """
    __global__ void transpose(const float* in, float* out, int n) {
      __shared__ float tile[32][33];
      int x = blockIdx.x * 32 + threadIdx.x, y = blockIdx.y * 32 + threadIdx.y;
      tile[threadIdx.y][threadIdx.x] = in[y * n + x];
      __syncthreads();
      out[(blockIdx.x * 32 + threadIdx.y) * n + blockIdx.y * 32 + threadIdx.x] = tile[threadIdx.x][threadIdx.y];
    }"""
    image, out = np.arange(n * n, dtype=F).reshape(n, n), np.zeros((n, n), F)
    nogpu.inspect(source, "transpose", image, out, N(n), block=(32, 32), grid=(8, 8))  # compiles
    report = nogpu.inspect(source, "transpose", image, out, N(n), block=(32, 32), grid=(8, 8))
    assert report.findings == [] and (out == image.T).all()
    assert report.seconds < 2


HINTS = r"""
#define I (blockIdx.x * blockDim.x + threadIdx.x)
__global__ void shift(float* x) { x[I] = x[I + 1]; }
__global__ void tree(float* x) { __shared__ float a[64], s[64]; a[0] = 0; s[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  for (int k = 32; k > 0; k /= 2)
    if (threadIdx.x < k) s[threadIdx.x] += s[threadIdx.x + k];
  x[threadIdx.x] = s[threadIdx.x]; }
__global__ void total(float* x) { x[0] += 1; }
__global__ void no_block(float* x) { int i = threadIdx.x; x[i] += 1; }
__global__ void own_block(float* x) { int i = threadIdx.x; x[i] = 1; }
__global__ void all_blocks(float* x) {
  x[blockIdx.x] = 1;
  if (blockIdx.x == gridDim.x - 1 && threadIdx.x == 0) x[40] = x[0];
}
__global__ void rows(float* x) { x[threadIdx.x * 64 + threadIdx.y] = 1; }
__global__ void wide(float* x) { x[threadIdx.x * 100000 * 100000] = 1; }
"""


@pytest.mark.parametrize(
    ("kernel", "block", "grid", "array", "hint"),
    [
        ("shift", 32, 1, "x", "Write the results to another array"),
        ("tree", 64, 1, "s", "Let all threads pass a __syncthreads()"),
        ("total", 32, 1, "x", "use an atomic function: atomicAdd(&x, value) for x += value."),
        ("no_block", 1, 2, "x", "does the index lack blockIdx.x * blockDim.x?"),
        ("own_block", 1, 2, "x", "Does the index lack blockIdx.x * blockDim.x?"),
        ("all_blocks", 1, 4, "x", "make two kernels of it"),
        ("rows", (4, 16), 1, "x", "row * width + column"),
        ("wide", 32, 1, "x", "an int that has overflowed"),
    ],
)
def test_the_hint_fits_the_mistake(kernel: str, block: Any, grid: int, array: str, hint: str) -> None:
    report = nogpu.inspect(HINTS, kernel, np.zeros(64, F), block=block, grid=grid)
    hints = [finding.hint for finding in report.errors if finding.array == array]
    assert any(hint in each for each in hints), str(report)
    if kernel == "tree":
        assert report.errors[0].index is not None  # the second array of a declaration has elements, too


def test_the_headers_of_pycuda_are_found() -> None:
    source = "#include <pycuda-complex.hpp>\n__global__ void k(pycuda::complex<float>* z) { z[threadIdx.x] *= z[0]; }"
    assert nogpu.inspect(source, "k", np.full(1, 2j, np.complex64), block=1).ok


def test_elements_of_unknown_size_are_told_in_bytes() -> None:
    source = """
    template <class T> __global__ void k(T* x) { extern __shared__ T s[]; s[threadIdx.x + 1] = x[threadIdx.x]; }
    template __global__ void k<float>(float*);"""
    (finding,) = nogpu.inspect(source, "k<float>", np.zeros(8, F), block=8, shared=32).errors
    assert str(finding) == "thread (7,0,0) writes byte 32 of s, and s has 32 bytes"
