# expects: Fetch the block's elements and its halo
MOVING_SUM = """
__global__ void moving_sum(float* out, const float* in, int n) {
  int i = blockIdx.x * 128 + threadIdx.x;
  if (i >= n) return;
  float sum = 0;
  for (int j = i - 8; j <= i + 8; j++)
    if (j >= 0 && j < n) sum += in[j];
  out[i] = sum;
}
"""
