# expects: Count in shared memory
HISTOGRAM = """
__global__ void histogram(int* bins, const int* values, int n) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) atomicAdd(&bins[values[i]], 1);
}
"""
