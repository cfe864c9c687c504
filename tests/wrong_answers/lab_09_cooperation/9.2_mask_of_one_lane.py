# expects: its mask, 0xffffffff, has to name them
ROW_SUMS = """
__global__ void row_sums(float* out, const float* in, int columns) {
  const float* row = in + blockIdx.x * columns;
  float sum = 0;
  for (int c = threadIdx.x; c < columns; c += 32) sum += row[c];
  for (int o = 16; o > 0; o /= 2) sum += __shfl_down_sync(1, sum, o);
  if (threadIdx.x == 0) out[blockIdx.x] = sum;
}
"""
