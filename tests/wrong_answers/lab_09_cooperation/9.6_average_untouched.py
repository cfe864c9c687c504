# expects: or the other way round
SHIFT = """
__global__ void shift(int* x, int n) {
  __shared__ int old[128];
  int t = threadIdx.x;
  if (t < n) old[t] = x[t];
  __syncthreads();
  if (t > 0 && t < n) x[t] = old[t - 1];
  if (t == 0) x[0] = old[n - 1];
}
"""
AVERAGE = """
__global__ void average(float* out, const float* in, int n) {
  __shared__ float part[128];
  int t = threadIdx.x, i = blockIdx.x * 128 + t;
  int count = min(128, n - (int)blockIdx.x * 128);
  part[t] = i < n ? in[i] : 0;
  for (int s = 64; s > 0; s /= 2) {
    __syncthreads();
    if (t < s) part[t] += part[t + s];
  }
  if (t == 127) out[blockIdx.x] = part[0] / count;
}
"""
NORMALISE = """
__global__ void normalise(float* x, int n) {
  __shared__ float largest[128];
  int t = threadIdx.x;
  if (t < n) {
    largest[t] = x[t];
    for (int s = 64; s > 0; s /= 2) {
      __syncthreads();
      if (t < s && t + s < n) largest[t] = fmaxf(largest[t], largest[t + s]);
    }
    __syncthreads();
    x[t] /= largest[0];
  } else {
    __syncthreads();  // so that these threads wait too
  }
}
"""
