"""Right answers that are not the solution's: a check must not take another way for a mistake."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from coursekit.checks import find_task
from coursekit.student import LocalStudent

ANSWERS = {
    "7.3 whole_numbers": """
__global__ void grey(const unsigned char *rgb, unsigned char *out, int width, int height)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x < width && y < height) {
    int i = (width * y + x) * 3;
    out[i / 3] = (299 * rgb[i] + 587 * rgb[i+1] + 114 * rgb[i+2] + 500) / 1000;
    }
}
""",
    "7.4 clamped_loops": """
__global__ void blur(const float *image, float *out, int width, int height, int radius)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= width || y >= height) return;
    int x0 = max(x - radius, 0), x1 = min(x + radius, width - 1);
    int y0 = max(0, y - radius), y1 = min(height - 1, y + radius);
    float s = 0.0f;
    for (int j = y0; j <= y1; ++j) for (int i = x0; i <= x1; ++i) s += image[j * width + i];
    out[y * width + x] = s / ((x1 - x0 + 1) * (y1 - y0 + 1));
}
""",
    "8.2 exclusive_or_for_padding": """
__global__ void transpose(float* out, const float* in, int rows, int columns) {
  __shared__ float t[32][32];
  int tx = threadIdx.x, ty = threadIdx.y;
  int c = blockIdx.x * 32 + tx, r = blockIdx.y * 32 + ty;
  if (c < columns && r < rows) t[ty][tx ^ ty] = in[r * columns + c];
  __syncthreads();
  c = blockIdx.y * 32 + tx; r = blockIdx.x * 32 + ty;
  if (c < rows && r < columns) out[r * rows + c] = t[tx][ty ^ tx];
}""",
    "8.4 halo_by_two_ifs": """
__global__ void moving_sum(float* out, const float* in, int n) {
  __shared__ float s[144];
  int t = threadIdx.x, i = blockIdx.x * 128 + t;
  s[t + 8] = i < n ? in[i] : 0.f;
  if (t < 8) s[t] = i - 8 >= 0 && i - 8 < n ? in[i - 8] : 0.f;
  if (t >= 120) s[t + 16] = i + 8 < n ? in[i + 8] : 0.f;
  __syncthreads();
  if (i >= n) return;
  float v = 0;
  for (int k = -8; k <= 8; k++) v += s[t + 8 + k];
  out[i] = v;
}""",
    "9.1 interleaved_tree": """
__global__ void block_sums(float* out, const float* in, int n) {
  __shared__ float p[256];
  int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
  p[t] = 0;
  if (i < n) p[t] = in[i];
  for (int s = 1; s < 256; s *= 2) { __syncthreads(); if (t % (2 * s) == 0) p[t] += p[t + s]; }
  if (t == 0) out[blockIdx.x] = p[0];
}""",
    "9.1 shuffles": """
__global__ void block_sums(float* out, const float* in, int n) {
  __shared__ float p[8];
  int t = threadIdx.x, i = blockIdx.x * 256 + t;
  float v = i < n ? in[i] : 0;
  for (int o = 16; o; o >>= 1) v += __shfl_down_sync(~0u, v, o);
  if (t % 32 == 0) p[t / 32] = v;
  __syncthreads();
  if (t == 0) { float s = 0; for (int k = 0; k < 8; k++) s += p[k]; out[blockIdx.x] = s; }
}""",
    "9.4 two_arrays_one_barrier": """
__global__ void scan(int* x, int n) {
  __shared__ int a[2][128];
  int t = threadIdx.x, now = 0;
  a[0][t] = t < n ? x[t] : 0;
  __syncthreads();
  for (int s = 1; s < 128; s *= 2) {
    a[1 - now][t] = a[now][t] + (t >= s ? a[now][t - s] : 0);
    now = 1 - now;
    __syncthreads();
  }
  if (t < n) x[t] = a[now][t];
}""",
    "9.4 warps_first": """
__global__ void scan(int* x, int n) {
  __shared__ int w[4];
  int t = threadIdx.x, lane = t % 32, v = t < n ? x[t] : 0;
  for (int s = 1; s < 32; s *= 2) { int u = __shfl_up_sync(0xffffffff, v, s); if (lane >= s) v += u; }
  if (lane == 31) w[t / 32] = v;
  __syncthreads();
  for (int k = 0; k < t / 32; k++) v += w[k];
  if (t < n) x[t] = v;
}""",
    "9.5 one_pass": """
__global__ void softmax(float* out, const float* in, int columns) {
  const float* r = in + blockIdx.x * columns;
  float m = -INFINITY, s = 0;
  for (int c = threadIdx.x; c < columns; c += 32) {
    float larger = fmaxf(m, r[c]);
    s = s * expf(m - larger) + expf(r[c] - larger);
    m = larger;
  }
  float M = m;
  for (int o = 16; o; o /= 2) M = fmaxf(M, __shfl_xor_sync(0xffffffff, M, o));
  s = m == -INFINITY ? 0 : s * expf(m - M);
  for (int o = 16; o; o /= 2) s += __shfl_xor_sync(0xffffffff, s, o);
  for (int c = threadIdx.x; c < columns; c += 32) out[blockIdx.x * columns + c] = expf(r[c] - M) / s;
}""",
    "9.5 shared_memory": """
__global__ void softmax(float* out, const float* in, int columns) {
  __shared__ float p[32];
  int t = threadIdx.x;
  float m = -1e38f;
  for (int c = t; c < columns; c += 32) m = fmaxf(m, in[blockIdx.x * columns + c]);
  p[t] = m; __syncthreads();
  for (int s = 16; s > 0; s /= 2) { if (t < s) p[t] = fmaxf(p[t], p[t + s]); __syncthreads(); }
  m = p[0]; __syncthreads();
  float z = 0;
  for (int c = t; c < columns; c += 32) z += expf(in[blockIdx.x * columns + c] - m);
  p[t] = z; __syncthreads();
  for (int s = 16; s > 0; s /= 2) { if (t < s) p[t] += p[t + s]; __syncthreads(); }
  for (int c = t; c < columns; c += 32) out[blockIdx.x * columns + c] = expf(in[blockIdx.x * columns + c] - m) / p[0];
}""",
}


@pytest.mark.parametrize("name", ANSWERS)
def test_another_right_answer_passes(name: str) -> None:
    task = find_task(name.partition(" ")[0])
    student = LocalStudent({task.names[0]: ANSWERS[name]})
    for seed in range(2):
        outcome = task.run(student, np.random.default_rng(seed))
        assert outcome.state == "passed", str(outcome)


@pytest.mark.parametrize("seed", [72, 1140, 1402, 1512])
def test_the_best_change_again_and_again_finds_a_plan(seed: int) -> None:
    """From these seeds came networks in which it runs into a dead end, where lab 12's solution never ended."""

    def precision_plan(trial: Any, error_budget: float, size_budget: int) -> dict[str, str]:
        plan, rounds = dict.fromkeys(trial.layers, "INT8"), 0
        while trial.error(plan) > error_budget and (rounds := rounds + 1) < 10:
            changes = [plan | {layer: kind} for layer in trial.layers for kind in ("FP16", "FP32")]
            plan = min((change for change in changes if trial.size(change) <= size_budget), key=trial.error)
        return plan

    outcome = find_task("12.6").run(LocalStudent({"precision_plan": precision_plan}), np.random.default_rng(seed))
    assert outcome.state == "passed", str(outcome)
