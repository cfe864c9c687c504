# expects: not exp(max − x)
SOFTMAX = """
__global__ void softmax(float* out, const float* in, int columns) {
  const float* row = in + blockIdx.x * columns;
  float largest = -INFINITY, sum = 0;
  for (int c = threadIdx.x; c < columns; c += 32) largest = fmaxf(largest, row[c]);
  for (int o = 16; o > 0; o /= 2) largest = fmaxf(largest, __shfl_xor_sync(0xffffffff, largest, o));
  for (int c = threadIdx.x; c < columns; c += 32) sum += expf(largest - row[c]);
  for (int o = 16; o > 0; o /= 2) sum += __shfl_xor_sync(0xffffffff, sum, o);
  for (int c = threadIdx.x; c < columns; c += 32) out[blockIdx.x * columns + c] = expf(largest - row[c]) / sum;
}
"""
