# expects: All 32 lanes have to reach
SOFTMAX = """
__global__ void softmax(float* out, const float* in, int columns) {
  const float* row = in + blockIdx.x * columns;
  if (threadIdx.x >= columns) return;
  float m = -3.4e38f, s = 0;
  for (int i = threadIdx.x; i < columns; i += 32) m = fmaxf(m, row[i]);
  for (int o = 16; o > 0; o /= 2) m = fmaxf(m, __shfl_xor_sync(0xffffffff, m, o));
  for (int i = threadIdx.x; i < columns; i += 32) s += expf(row[i] - m);
  for (int o = 16; o > 0; o /= 2) s += __shfl_xor_sync(0xffffffff, s, o);
  for (int i = threadIdx.x; i < columns; i += 32) out[blockIdx.x * columns + i] = expf(row[i] - m) / s;
}
"""
