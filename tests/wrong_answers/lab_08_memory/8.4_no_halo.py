# expects: that is the halo
MOVING_SUM = """
__global__ void moving_sum(float* out, const float* in, int n) {
  __shared__ float near[128];
  int i = blockIdx.x * 128 + threadIdx.x;
  near[threadIdx.x] = i < n ? in[i] : 0;
  __syncthreads();
  if (i < n) {
    float sum = 0;
    for (int k = -8; k <= 8; k++) {
      int place = (int)threadIdx.x + k;
      if (place >= 0 && place < 128) sum += near[place];
    }
    out[i] = sum;
  }
}
"""
