# expects: C is written again and again
PRODUCT = """
__global__ void product(float* C, const float* A, const float* B, int m, int k, int n) {
  __shared__ float a[16][16], b[16][16];
  int tx = threadIdx.x, ty = threadIdx.y, row = blockIdx.y * 16 + ty, column = blockIdx.x * 16 + tx;
  bool mine = row < m && column < n;
  if (mine) C[row * n + column] = 0;
  for (int first = 0; first < k; first += 16) {
    a[ty][tx] = row < m && first + tx < k ? A[row * k + first + tx] : 0;
    b[ty][tx] = first + ty < k && column < n ? B[(first + ty) * n + column] : 0;
    __syncthreads();
    for (int i = 0; i < 16; i++)
      if (mine) C[row * n + column] += a[ty][i] * b[i][tx];
    __syncthreads();
  }
}
"""
