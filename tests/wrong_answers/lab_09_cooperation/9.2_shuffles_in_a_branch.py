# expects: All 32 lanes have to reach
ROW_SUMS = """
__global__ void row_sums(float* out, const float* in, int columns) {
  const float* row = in + blockIdx.x * columns;
  float v = 0;
  for (int i = threadIdx.x; i < columns; i += 32) v += row[i];
  for (int o = 16; o > 0; o /= 2) if (threadIdx.x < o) v += __shfl_down_sync(0xffffffff, v, o);
  if (threadIdx.x == 0) out[blockIdx.x] = v;
}
"""
