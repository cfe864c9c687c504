# expects: every 32nd element first
ROW_SUMS = """
__global__ void row_sums(float* out, const float* in, int columns) {
  const float* row = in + blockIdx.x * columns;
  float v = 0;
  if (threadIdx.x < columns) v = row[threadIdx.x];
  for (int o = 16; o > 0; o /= 2) v += __shfl_down_sync(0xffffffff, v, o);
  if (threadIdx.x == 0) out[blockIdx.x] = v;
}
"""
