# expects: share the additions
BLOCK_SUMS = """
__global__ void block_sums(float* out, const float* in, int n) {
  __shared__ float part[256];
  int t = threadIdx.x, i = blockIdx.x * 256 + t;
  part[t] = i < n ? in[i] : 0;
  __syncthreads();
  if (t == 0) {
    float sum = 0;
    for (int k = 0; k < 256; k++) sum += part[k];
    out[blockIdx.x] = sum;
  }
}
"""
