# expects: no barrier inside an `if`
SHIFT = """
__global__ void shift(int* x, int n) {
  int t = threadIdx.x, mine = t < n ? x[t] : 0;
  __syncthreads();
  if (t < n) x[(t + 1) % n] = mine;
}
"""
AVERAGE = """
__global__ void average(float* out, const float* in, int n) {
  __shared__ float part[128];
  int t = threadIdx.x, i = blockIdx.x * 128 + t;
  part[t] = i < n ? in[i] : 0;
  for (int s = 64; s > 0; s /= 2) {
    __syncthreads();
    if (t < s) part[t] += part[t + s];
  }
  if (t == 0) out[blockIdx.x] = part[0] / min(128, n - (int)blockIdx.x * 128);
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
    for (int k = 0; k < 8; k++) __syncthreads();
  }
}
"""
