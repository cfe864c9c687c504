"""Kernels with one defect each, and the same kernels mended: what test_sanitizer.py runs.

A defect's lines are marked in the source: `// @1` stands where the finding is, `// @2` at the other line. What is
between `{{` and `|` is the defect, what follows up to `}}` is the mended text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

F4, I4 = np.float32, np.int32

# What only one compiler's code shows. Everything else is found alike: run the tests with CXX=clang++.
DIFFERENCES = """
endless loop: clang's code of the loop has no line of its own; the line is a neighbouring one.
misaligned vector: clang takes a float4 apart into four loads of four bytes, all aligned; g++ loads 16 bytes.
"""


@dataclass(frozen=True)
class Case:
    """A planted defect, how to launch the kernel `k`, and what must be found."""

    name: str
    source: str
    arguments: Callable[[], tuple[Any, ...]]
    tool: str
    kind: str
    block: Any = 32
    grid: Any = 1
    shared: tuple[int, int] = (0, 0)  # with the defect, and mended
    thread: tuple[int, int, int] | None = None
    other_thread: tuple[int, int, int] | None = None
    array: str | None = None
    index: int | None = None
    severity: str = "error"
    seconds: float = 20.0
    orders: tuple[str, ...] = ("forward",)
    mended_arguments: Callable[[], tuple[Any, ...]] | None = None
    says: tuple[str, ...] = field(default=())  # parts of the message
    only: str = ""  # found in code of this compiler only; see DIFFERENCES

    def text(self, mended: bool) -> str:
        """Return the source with the defect, or without."""
        return re.sub(r"\{\{(.*?)\|(.*?)\}\}", r"\2" if mended else r"\1", self.source, flags=re.DOTALL)

    def line(self, mark: int) -> int:
        """Return the line that is marked `// @1` or `// @2`, 0 if none is."""
        for number, text in enumerate(self.text(mended=False).splitlines(), 1):
            if re.search(rf"// .*@{mark}\b", text):
                return number
        return 0


def zeros(*shape: int, dtype: Any = F4) -> np.ndarray:
    """Return an array of zeros, float32 unless said otherwise."""
    return np.zeros(shape, dtype)


MEMCHECK = [
    Case(
        "off by one",
        """
__global__ void k(const float* x, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i {{<=|<}} n)
    y[i] = 2 * x[i];  // @1
}""",
        lambda: (zeros(40), zeros(40), I4(40)), "memcheck", "out-of-bounds",
        grid=2, thread=(8, 0, 0), array="x", index=40, says=("reads x[40]", "x has 40 elements", "block (1,0,0)"),
    ),
    Case(
        "negative index",
        """
__global__ void k(float* x, int n) {
  int i = threadIdx.x;
  if (i < n{{| && i > 0}}) {
    float left = x[i - 1];  // @1
    x[i] = x[i]{{| * 1}};
    if (left == 12345) x[i] = left;
  }
}""",
        lambda: (zeros(1), I4(1)), "memcheck", "out-of-bounds", thread=(0, 0, 0), array="x", index=-1,
        says=("reads x[-1]", "x has 1 element"),
    ),
    Case(
        "swapped 2-D indices",
        """
__global__ void k(float* image, int width, int height) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x < width && y < height)
    image[{{x * width + y|y * width + x}}] = 1;  // @1
}""",
        lambda: (zeros(6, 20), I4(20), I4(6)), "memcheck", "out-of-bounds", block=(8, 8), grid=(3, 1), array="image",
    ),
    Case(
        "between neighbouring shared arrays",
        """
__global__ void k(float* out) {
  __shared__ float a[32];
  __shared__ float b[32];
  int t = threadIdx.x;
  a[t] = b[t] = 0;
  __syncthreads();
  a[{{t + 1|t}}] = 2;  // @1
  b[t] = 1;
  __syncthreads();
  out[t] = a[t] + b[t];
}""",
        lambda: (zeros(32),), "memcheck", "out-of-bounds", thread=(31, 0, 0), array="a", index=32,
    ),
    Case(
        "member of an array of structures",
        """
struct Particle { float x, y, z; int kind; };
__global__ void k(Particle* particles, int n) {
  int i = threadIdx.x;
  if (i {{<=|<}} n)
    particles[i].z = 1;  // @1
}""",
        lambda: (np.zeros(10, [("x", "f4"), ("y", "f4"), ("z", "f4"), ("kind", "i4")]), I4(10)),
        "memcheck", "out-of-bounds", thread=(10, 0, 0), array="particles", index=10,
    ),
    Case(
        "dynamic shared memory too small",
        """
__global__ void k(float* out) {
  extern __shared__ float buffer[];
  int t = threadIdx.x;
  buffer[t] = t;  // @1
  __syncthreads();
  out[t] = buffer[31 - t];
}""",
        lambda: (zeros(32),), "memcheck", "out-of-bounds", shared=(64, 128), thread=(16, 0, 0),
        array="buffer", index=16,
        says=("buffer has 16 elements",),
    ),
    Case(
        "constant memory",
        """
__constant__ float factors[4];
__global__ void k(float* out) {
  int t = threadIdx.x;
  out[t] = factors[{{t % 5|t % 4}}];  // @1
}""",
        lambda: (zeros(32),), "memcheck", "out-of-bounds", thread=(4, 0, 0), array="factors", index=4,
    ),
    Case(
        "far outside",
        """
__global__ void k(float* x, int n) {
  int i = threadIdx.x;
  if (i < n) x[i{{ * 1000000000|}}] = 1;  // @1
}""",
        lambda: (zeros(32), I4(32)), "memcheck", "out-of-bounds", thread=(1, 0, 0), array="x",
    ),
    Case(
        "null pointer",
        """
__global__ void k(float* out, const float* bias) {
  float value = 1;
  {{|if (bias != nullptr)}}
    value += bias[2];  // @1
  out[threadIdx.x] = value;
}""",
        lambda: (zeros(32), np.uintp(0)), "memcheck", "bad-address", thread=(0, 0, 0), says=("null pointer",),
    ),
    Case(
        "misaligned vector",
        """
__global__ void k(float* x, float* out) {
  int t = threadIdx.x;
  float4 v = *reinterpret_cast<float4*>(x + 4 * t {{+ 1|+ 0}});  // @1
  out[t] = v.x + v.y + v.z + v.w;
}""",
        lambda: (zeros(132), zeros(32)), "memcheck", "misaligned", thread=(0, 0, 0), array="x", says=("16 bytes",),
        only="g++",
    ),
    Case(
        "misaligned double in shared memory",
        """
__global__ void k(double* out) {
  __shared__ float raw[66];
  int t = threadIdx.x;
  double* values = reinterpret_cast<double*>(raw + {{1|2}});
  values[t] = t;  // @1
  __syncthreads();
  out[t] = values[t];
}""",
        lambda: (zeros(32, dtype="f8"),), "memcheck", "misaligned", thread=(0, 0, 0), array="raw",
    ),
    Case(
        "misaligned double that the compiler sees",
        """
__global__ void k(double* out) {
  __shared__ double raw[34];
  double* values = reinterpret_cast<double*>(reinterpret_cast<char*>(raw) + {{4|8}});
  values[threadIdx.x] = 1;  // @1
  __syncthreads();
  out[threadIdx.x] = values[threadIdx.x];
}""",
        lambda: (zeros(32, dtype="f8"),), "memcheck", "misaligned", thread=(0, 0, 0), array="raw",
    ),
    Case(
        "float64 array for float*",
        "__global__ void k(float* x) { x[threadIdx.x] = 1; }  // @1",
        lambda: (zeros(32, dtype="f8"),), "memcheck", "wrong-dtype", array="x", says=("float64", "float*"),
        mended_arguments=lambda: (zeros(32),),
    ),
    Case(
        "float32 for double",
        "__global__ void k(float* x, double factor) { x[threadIdx.x] = factor; }  // @1",
        lambda: (zeros(32), F4(2)), "memcheck", "wrong-dtype", array="factor", says=("float32", "double"),
        mended_arguments=lambda: (zeros(32), np.float64(2)),
    ),
    Case(
        "int64 for int",
        "__global__ void k(float* x, int n) { if (threadIdx.x < n) x[threadIdx.x] = 1; }  // @1",
        lambda: (zeros(32), np.int64(32)), "memcheck", "wrong-dtype", array="n", says=("int64", "int"),
        mended_arguments=lambda: (zeros(32), I4(32)),
    ),
    Case(
        "stack overflow",
        """
__device__ __noinline__ int depth(volatile int* x, int n) {
  volatile int local[200];
  local[n % 200] = n;
  return {{n >= 0|n < 20}} ? depth(x, n + 1) + local[(n * 7) % 200] : local[0];
}
__global__ void k(int* out) { out[threadIdx.x] = depth(out, 0); }""",
        lambda: (zeros(1, dtype="i4"),), "memcheck", "stack-overflow", block=1, thread=(0, 0, 0),
    ),
    Case(
        "division by zero",
        """
__global__ void k(const int* x, int* out) {
  int t = threadIdx.x;
  {{|if (x[t] != 0)}}
  out[t] = 100 / x[t];  // @1
}""",
        lambda: (np.arange(-5, 27, dtype="i4"), zeros(32, dtype="i4")), "memcheck", "division-by-zero",
        thread=(5, 0, 0),
    ),
    Case(
        "assertion",
        """
#include <assert.h>
__global__ void k(int* out) {
  assert(threadIdx.x < {{20|32}});  // @1
  out[threadIdx.x] = 1;
}""",
        lambda: (zeros(32, dtype="i4"),), "memcheck", "assert", thread=(20, 0, 0),
    ),
    Case(
        "malloc in the kernel: use after free",
        """
__global__ void k(float* out) {
  float* own = (float*)malloc(4 * sizeof(float));
  own[0] = threadIdx.x;
  {{free(own);|}}
  out[threadIdx.x] = own[0];  // @1
  {{|free(own);}}
}""",
        lambda: (zeros(32),), "memcheck", "use-after-free", thread=(0, 0, 0),
    ),
    Case(
        "malloc in the kernel: double free",
        """
__global__ void k(float* out) {
  float* own = (float*)malloc(4 * sizeof(float));
  own[0] = threadIdx.x;
  out[threadIdx.x] = own[0];
  free(own);
  {{free(own);|}}  // @1
}""",
        lambda: (zeros(32),), "memcheck", "double-free", thread=(0, 0, 0),
    ),
    Case(
        "malloc in the kernel: never freed",
        """
__global__ void k(float* out) {
  float* own = (float*)malloc(4 * sizeof(float));  // @1
  own[0] = threadIdx.x;
  out[threadIdx.x] = own[0];
  {{|free(own);}}
}""",
        lambda: (zeros(32),), "memcheck", "leak", severity="advice", says=("512 bytes",),
    ),
    Case(
        "malloc in the kernel: beyond the end",
        """
__global__ void k(float* out) {
  float* own = (float*)malloc(4 * sizeof(float));
  for (int i = 0; i {{<=|<}} 4; i++)
    own[i] = threadIdx.x;  // @1
  out[threadIdx.x] = own[0];
  free(own);
}""",
        lambda: (zeros(32),), "memcheck", "out-of-bounds", thread=(0, 0, 0),
    ),
]  # fmt: skip

RACES = [
    Case(
        "read before the barrier",
        """
__global__ void k(float* out) {
  __shared__ float s[64];
  int t = threadIdx.x;
  s[t] = t;  // @2
  {{|__syncthreads();}}
  out[t] = s[63 - t];  // @1
}""",
        lambda: (zeros(64),), "racecheck", "race", block=64, array="s", orders=("forward",),
        says=("no barrier stands between",),
    ),
    Case(
        "write after read",
        """
__global__ void k(float* x) {
  __shared__ float s[64];
  int t = threadIdx.x;
  s[t] = x[t];
  __syncthreads();
  float right = s[(t + 32) % 64];  // @2
  {{|__syncthreads();}}
  s[t] = right;  // @1
  __syncthreads();
  x[t] = s[t];
}""",
        lambda: (zeros(64),), "racecheck", "race", block=64, array="s",
        says=("writes s[", "at line 9", "read it at line 7"),
    ),
    Case(
        "everybody writes one element",
        """
__global__ void k(const float* x, float* sum) {
  {{*sum += x[threadIdx.x];|atomicAdd(sum, x[threadIdx.x]);}}  // @1 @2
}""",
        lambda: (zeros(64), zeros(1)), "racecheck", "race", block=64, array="sum", index=0,
    ),
    Case(
        "write and write in shared memory",
        """
__global__ void k(int* out) {
  __shared__ int last;
  int t = threadIdx.x;
  {{|if (t == 63)}}
  last = t;  // @1 @2
  __syncthreads();
  out[t] = last;
}""",
        lambda: (zeros(64, dtype="i4"),), "racecheck", "race", block=64, array="last", thread=(1, 0, 0),
        other_thread=(0, 0, 0),
    ),
    Case(
        "across blocks, write and write",
        """
__global__ void k(int* out) {
  if (threadIdx.x == 0)
    out[{{0|blockIdx.x}}] = blockIdx.x;  // @1 @2
}""",
        lambda: (zeros(4, dtype="i4"),), "racecheck", "race", grid=4, array="out", index=0,
        says=("nothing orders the blocks",),
    ),
    Case(
        "across blocks, read and write",
        """
__global__ void k(const float* x, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  y[i] = {{y|x}}[(i + 32) % n];  // @1 @2
}""",
        lambda: (zeros(64), zeros(64), I4(64)), "racecheck", "race", grid=2, array="y",
        says=("nothing orders the blocks",),
    ),
    Case(
        "same warp without __syncwarp",
        """
__global__ void k(int* out) {
  __shared__ int s[32];
  int t = threadIdx.x;
  s[t] = t;  // @2
  {{|__syncwarp();}}
  out[t] = s[(t + 1) % 32];  // @1
}""",
        lambda: (zeros(32, dtype="i4"),), "racecheck", "race", array="s", thread=(0, 0, 0), other_thread=(1, 0, 0),
        index=1, says=("__syncwarp",),
    ),
    Case(
        "only in the last iteration",
        """
__global__ void k(float* x) {
  __shared__ float s[128];
  int t = threadIdx.x;
  s[t] = x[t];
  __syncthreads();
  for (int step = 64; step > 0; step /= 2) {
    if (t < step)
      s[t] += s[t + step];  // @2
    {{if (step > 1)|}} __syncthreads();
  }
  if (t == 5) x[5] = s[0];  // @1
  if (t == 0) x[0] = s[0];
}""",
        lambda: (zeros(128),), "racecheck", "race", block=128, array="s", index=0, thread=(5, 0, 0),
        other_thread=(0, 0, 0),
    ),
    Case(
        "atomic and plain store",
        """
__global__ void k(int* counter, int* out) {
  int t = threadIdx.x;
  if (t {{==|<}} 0) *counter = 100;  // @2
  atomicAdd(counter, 1);  // @1
}""",
        lambda: (zeros(1, dtype="i4"), zeros(1, dtype="i4")), "racecheck", "race", block=64, array="counter",
        thread=(1, 0, 0), other_thread=(0, 0, 0), says=("atomically",),
    ),
    Case(
        "next tile overwrites the last",
        """
__global__ void k(const float* x, float* out, int n) {
  __shared__ float tile[64];
  int t = threadIdx.x;
  float sum = 0;
  for (int start = 0; start < n; start += 64) {
    tile[t] = x[start + t];  // @1
    __syncthreads();
    for (int i = 0; i < 64; i++) sum += tile[i];  // @2
    {{|__syncthreads();}}
  }
  out[t] = sum;
}""",
        lambda: (zeros(256), zeros(64), I4(256)), "racecheck", "race", block=64, array="tile",
    ),
    Case(
        "bytes of one word",
        """
__global__ void k(unsigned char* out) {
  int t = threadIdx.x;
  out[{{t / 2|t}}] = t;  // @1 @2
}""",
        lambda: (zeros(32, dtype="u1"),), "racecheck", "race", array="out", index=0, thread=(1, 0, 0),
        other_thread=(0, 0, 0),
    ),
    Case(
        "last block without a fence",
        """
__device__ unsigned finished;
__global__ void k(const float* x, float* partial, float* out) {
  __shared__ bool last;
  int t = threadIdx.x;
  if (t == 0) {
    partial[blockIdx.x] = x[blockIdx.x];  // @2
    {{|__threadfence();}}
    last = atomicAdd(&finished, 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (last && t == 0) {
    float sum = 0;
    for (int i = 0; i < gridDim.x; i++) sum += partial[i];  // @1
    *out = sum;
    finished = 0;
  }
}""",
        lambda: (zeros(4), zeros(4), zeros(1)), "racecheck", "race", grid=4, array="partial",
    ),
    Case(
        "depends on the order of blocks",
        """
__global__ void k(int* counter, int* out) {
  if (threadIdx.x == 0) {
    int place = {{atomicAdd(counter, 1)|blockIdx.x}};
    out[place] = blockIdx.x;
  }
}""",
        lambda: (zeros(1, dtype="i4"), zeros(4, dtype="i4")), "racecheck", "order-dependence", grid=4, array="out",
        orders=("forward", "reverse", "shuffled"),
    ),
]  # fmt: skip

INITCHECK = [
    Case(
        "shared memory",
        """
__global__ void k(float* out) {
  __shared__ float s[32];
  int t = threadIdx.x;
  if (t {{> 0|>= 0}}) s[t] = 1;
  __syncthreads();
  out[t] = s[31 - t];  // @1
}""",
        lambda: (zeros(32),), "initcheck", "uninitialized", array="s", index=0, thread=(31, 0, 0),
    ),
    Case(
        "shared memory that is never written",
        """
__global__ void k(float* out) {
  __shared__ float s[32];
  {{|s[threadIdx.x] = 0;}}
  out[threadIdx.x] = s[threadIdx.x];  // @1
}""",
        lambda: (zeros(32),), "initcheck", "uninitialized", array="s", index=0, thread=(0, 0, 0),
    ),
    Case(
        "shared memory of an earlier block",
        """
__global__ void k(float* out) {
  __shared__ float s[32];
  int t = threadIdx.x;
  {{if (blockIdx.x == 0)|}} s[t] = 1;
  __syncthreads();
  out[blockIdx.x * 32 + t] = s[t];  // @1
}""",
        lambda: (zeros(64),), "initcheck", "uninitialized", grid=2, array="s",
    ),
    Case(
        "sum that starts from nothing",
        """
__global__ void k(const int* x, int* out) {
  __shared__ int sum;
  {{|if (threadIdx.x == 0) sum = 0; __syncthreads();}}
  atomicAdd(&sum, x[threadIdx.x]);  // @1
  __syncthreads();
  if (threadIdx.x == 0) *out = sum;
}""",
        lambda: (zeros(32, dtype="i4"), zeros(1, dtype="i4")), "initcheck", "uninitialized", array="sum",
    ),
    Case(
        "malloc in the kernel",
        """
__global__ void k(float* out) {
  float* own = (float*)malloc(4 * sizeof(float));
  {{|own[1] = 0;}}
  out[threadIdx.x] = own[1];  // @1
  free(own);
}""",
        lambda: (zeros(32),), "initcheck", "uninitialized", thread=(0, 0, 0),
    ),
]  # fmt: skip

SYNCCHECK = [
    Case(
        "barrier in a branch",
        """
__global__ void k(float* out) {
  __shared__ float s[64];
  int t = threadIdx.x;
  s[t] = t;
  {{if (t < 40)|}}
    __syncthreads();  // @1
  out[t] = s[t];  // @2
}""",
        lambda: (zeros(64),), "synccheck", "divergent-barrier", block=64, thread=(40, 0, 0),
    ),
    Case(
        "two barriers, one each side",
        """
__global__ void k(float* out) {
  int t = threadIdx.x;
  if (t < {{40|64}}) {
    out[t] = 1;
    __syncthreads();  // @2
  } else {
    out[t] = 2;
    __syncthreads();  // @1
  }
}""",
        lambda: (zeros(64),), "synccheck", "divergent-barrier", block=64,
    ),
    Case(
        "barrier in a loop of differing length",
        """
__global__ void k(float* out) {
  __shared__ float s[32];
  int t = threadIdx.x;
  s[t] = 0;
  for (int i = 0; i < {{t % 3|3}}; i++) {
    s[t] += i;
    __syncthreads();  // @1
  }
  out[t] = s[t];  // @2
}""",
        lambda: (zeros(32),), "synccheck", "divergent-barrier",
    ),
    Case(
        "barrier in the branch of a tree sum",
        """
__global__ void k(const float* x, float* out) {
  __shared__ float part[64];
  int t = threadIdx.x;
  part[t] = x[t];
  __syncthreads();
  for (int s = 32; s > 0; s /= 2) {
    if (t < s) {{{|}}
      part[t] += part[t + s];
    __syncthreads();  // @1
    {{}|}}
  }
  if (t == 0) *out = part[0];
}""",
        lambda: (zeros(64), zeros(1)), "synccheck", "divergent-barrier", block=64,
    ),
    Case(
        "barrier in a loop, and nothing behind it",
        """
__global__ void k(float* out) {
  __shared__ float s[32];
  int t = threadIdx.x;
  s[t] = out[t];
  for (int i = 0; i < {{t % 3 + 1|3}}; i++) {
    out[t] = s[t] * i;
    __syncthreads();  // @1
  }
}""",
        lambda: (zeros(32),), "synccheck", "divergent-barrier",
    ),
    Case(
        "early exit from a loop",
        """
__global__ void k(float* x, int n) {
  __shared__ float s[64];
  int t = threadIdx.x;
  for (int i = 0; i < 3; i++) {
    {{if (t >= n)
      return;|}}
    s[t] = i;
    __syncthreads();  // @1
    if (t < n) x[t] = s[n - 1 - t];
    __syncthreads();
  }
}""",
        lambda: (zeros(40), I4(40)), "synccheck", "early-exit", block=64, thread=(40, 0, 0), severity="advice",
    ),
    Case(
        "shuffle with a missing lane",
        """
__global__ void k(int* out) {
  int t = threadIdx.x, v = t;
  {{if (t < 16)|}}
    v += __shfl_down_sync(0xffffffff, v, 1);  // @1
  __syncthreads();
  out[t] = v;
}""",
        lambda: (zeros(32, dtype="i4"),), "synccheck", "missing-lane", other_thread=(16, 0, 0),
    ),
    Case(
        "shuffle from a lane outside the mask",
        """
__global__ void k(int* out) {
  int t = threadIdx.x, v = t;
  if (t < 16)
    v = __shfl_down_sync(0xffff, v, {{8|0}});  // @1
  out[t] = v;
}""",
        lambda: (zeros(32, dtype="i4"),), "synccheck", "missing-lane", thread=(8, 0, 0), other_thread=(16, 0, 0),
        says=("lane 16",),
    ),
    Case(
        "the mask does not name the caller",
        """
__global__ void k(int* out) {
  int t = threadIdx.x;
  out[t] = __shfl_sync({{0xffff|0xffffffff}}, t, 0);  // @1
}""",
        lambda: (zeros(32, dtype="i4"),), "synccheck", "missing-lane", thread=(16, 0, 0),
    ),
    Case(
        "endless loop",
        """
__global__ void k(int* out) {
  int i = out[threadIdx.x] + 1, steps = 0;
  while (i != {{0|1024}}) i = i * 2 {{+ 1|}}, steps++;  // @1
  out[threadIdx.x] = steps;
}""",
        lambda: (zeros(32, dtype="i4"),), "synccheck", "endless", seconds=1.0, only="g++ for the line",
    ),
    Case(
        "deadlock: waits for a flag that nobody sets",
        """
__global__ void k(volatile int* flag, int* out) {
  int t = threadIdx.x;
  if (t == {{99|0}}) *flag = 1;
  while (*flag == 0) { }  // @1
  out[t] = 1;
}""",
        lambda: (zeros(1, dtype="i4"), zeros(32, dtype="i4")), "synccheck", "deadlock", seconds=1.0,
    ),
    Case(
        "deadlock: lock that is never released",
        """
__global__ void k(int* lock, int* counter) {
  while (atomicCAS(lock, 0, 1) != 0) { }  // @1
  *counter += 1;
  __threadfence();
  {{|atomicExch(lock, 0);}}
}""",
        lambda: (zeros(1, dtype="i4"), zeros(1, dtype="i4")), "synccheck", "deadlock", seconds=1.0,
    ),
    Case(
        "early exit",
        """
__global__ void k(float* x, int n) {
  __shared__ float s[64];
  int t = threadIdx.x;
  {{if (t >= n) return;|}}
  s[t] = x[t % n];
  __syncthreads();  // @1
  if (t < n) x[t] = s[n - 1 - t];
}""",
        lambda: (zeros(40), I4(40)), "synccheck", "early-exit", block=64, thread=(40, 0, 0), severity="advice",
    ),
]  # fmt: skip

CASES = [*MEMCHECK, *RACES, *INITCHECK, *SYNCCHECK]
