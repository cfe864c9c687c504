# expects: If both write: let one thread write
BLOCK_SUMS = """
__global__ void block_sums(float* out, const float* in, int n) {
  __shared__ float part[256];
  int t = threadIdx.x, i = blockIdx.x * 256 + t;
  part[t] = i < n ? in[i] : 0;
  for (int s = 128; s > 0; s /= 2) {
    __syncthreads();
    if (t < s) part[t] += part[t + s];
  }
  __syncthreads();
  out[blockIdx.x] = part[0];
}
"""
