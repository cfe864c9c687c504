# expects: Registers and shuffles are enough
ROW_SUMS = """
__global__ void row_sums(float* out, const float* in, int columns) {
  __shared__ float part[32];
  const float* row = in + blockIdx.x * columns;
  float v = 0;
  for (int i = threadIdx.x; i < columns; i += 32) v += row[i];
  part[threadIdx.x] = v;
  __syncthreads();
  for (int s = 16; s > 0; s /= 2) {
    if (threadIdx.x < s) part[threadIdx.x] += part[threadIdx.x + s];
    __syncthreads();
  }
  if (threadIdx.x == 0) out[blockIdx.x] = part[0];
}
"""
