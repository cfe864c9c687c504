# expects: i + 8 is included
MOVING_SUM = """
__global__ void moving_sum(float* out, const float* in, int n) {
  __shared__ float near[128 + 16];
  int first = blockIdx.x * 128 - 8;
  for (int k = threadIdx.x; k < 128 + 16; k += 128) {
    int j = first + k;
    near[k] = j >= 0 && j < n ? in[j] : 0;
  }
  __syncthreads();
  int i = blockIdx.x * 128 + threadIdx.x;
  if (i < n) {
    float sum = 0;
    for (int k = 0; k < 16; k++) sum += near[threadIdx.x + k];
    out[i] = sum;
  }
}
"""
