# expects: into the tile as 0
PRODUCT = """
__global__ void product(float* C, const float* A, const float* B, int m, int k, int n) {
  __shared__ float a[16][16], b[16][16];
  int tx = threadIdx.x, ty = threadIdx.y, row = blockIdx.y * 16 + ty, column = blockIdx.x * 16 + tx;
  float sum = 0;
  for (int first = 0; first < k; first += 16) {
    if (row < m && first + tx < k) a[ty][tx] = A[row * k + first + tx];
    b[ty][tx] = first + ty < k && column < n ? B[(first + ty) * n + column] : 0;
    __syncthreads();
    for (int i = 0; i < 16; i++) sum += a[ty][i] * b[i][tx];
    __syncthreads();
  }
  if (row < m && column < n) C[row * n + column] = sum;
}
"""
