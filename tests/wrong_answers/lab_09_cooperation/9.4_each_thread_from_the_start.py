# expects: Somebody adds up many numbers alone
SCAN = """
__global__ void scan(int* x, int n) {
  __shared__ int now[128];
  int t = threadIdx.x, sum = 0;
  now[t] = t < n ? x[t] : 0;
  __syncthreads();
  for (int i = 0; i <= t; i++) sum += now[i];
  if (t < n) x[t] = sum;
}
"""
