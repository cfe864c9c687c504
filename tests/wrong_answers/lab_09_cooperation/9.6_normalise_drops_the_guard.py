# expects: there is no element for them to touch
SHIFT = """
__global__ void shift(int* x, int n) {
  int t = threadIdx.x, left = t < n ? x[(t + n - 1) % n] : 0;
  __syncthreads();
  if (t < n) x[t] = left;
}
"""
AVERAGE = """
__global__ void average(float* out, const float* in, int n) {
  __shared__ float part[128];
  int t = threadIdx.x, i = blockIdx.x * 128 + t;
  int count = min(128, n - (int)blockIdx.x * 128);
  part[t] = i < n ? in[i] : 0;
  __syncthreads();
  for (int s = 64; s > 0; s /= 2) {
    if (t < s) part[t] += part[t + s];
    __syncthreads();
  }
  if (t == 127) out[blockIdx.x] = part[0] / count;
}
"""
NORMALISE = """
__global__ void normalise(float* x, int n) {
  __shared__ float largest[128];
  int t = threadIdx.x;
  largest[t] = x[t];
  for (int s = 64; s > 0; s /= 2) {
    __syncthreads();
    if (t < s) largest[t] = fmaxf(largest[t], largest[t + s]);
  }
  __syncthreads();
  if (t < n) x[t] /= largest[0];
}
"""
