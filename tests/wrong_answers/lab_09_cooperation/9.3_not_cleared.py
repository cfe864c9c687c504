# expects: clear the block's bins first
HISTOGRAM = """
__global__ void histogram(int* bins, const int* values, int n) {
  __shared__ int mine[32];
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    atomicAdd(&mine[values[i]], 1);
  __syncthreads();
  if (threadIdx.x < 32) atomicAdd(&bins[threadIdx.x], mine[threadIdx.x]);
}
"""
