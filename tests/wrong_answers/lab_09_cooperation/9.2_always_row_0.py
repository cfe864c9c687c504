# expects: Every block has summed row 0
ROW_SUMS = """
__global__ void row_sums(float* out, const float* in, int columns) {
  float sum = 0;
  for (int c = threadIdx.x; c < columns; c += 32) sum += in[c];
  for (int o = 16; o > 0; o /= 2) sum += __shfl_down_sync(0xffffffff, sum, o);
  if (threadIdx.x == 0) out[blockIdx.x] = sum;
}
"""
