# expects: lane 0's own part
ROW_SUMS = """
__global__ void row_sums(float* out, const float* in, int columns) {
  const float* row = in + blockIdx.x * columns;
  float v = 0;
  for (int i = threadIdx.x; i < columns; i += 32) v += row[i];
  if (threadIdx.x == 0) out[blockIdx.x] = v;
}
"""
