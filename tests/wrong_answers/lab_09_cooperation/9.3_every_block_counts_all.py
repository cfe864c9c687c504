# expects: Every block has counted all values
HISTOGRAM = """
__global__ void histogram(int* bins, const int* values, int n) {
  __shared__ int mine[32];
  int t = threadIdx.x;
  if (t < 32) mine[t] = 0;
  __syncthreads();
  for (int i = t; i < n; i += blockDim.x) atomicAdd(&mine[values[i]], 1);
  __syncthreads();
  if (t < 32) atomicAdd(&bins[t], mine[t]);
}
"""
