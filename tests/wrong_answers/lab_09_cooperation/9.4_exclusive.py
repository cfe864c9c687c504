# expects: That is the exclusive scan
SCAN = """
__global__ void scan(int* x, int n) {
  __shared__ int now[128];
  int t = threadIdx.x;
  now[t] = t < n ? x[t] : 0;
  __syncthreads();
  for (int s = 1; s < 128; s *= 2) {
    int left = t >= s ? now[t - s] : 0;
    __syncthreads();
    now[t] += left;
    __syncthreads();
  }
  if (t < n) x[t] = t ? now[t - 1] : 0;
}
"""
