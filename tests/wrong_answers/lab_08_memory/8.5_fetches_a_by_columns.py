# expects: a request touches too many sectors
PRODUCT = """
__global__ void product(float* C, const float* A, const float* B, int m, int k, int n) {
  __shared__ float a[16][16], b[16][16];
  int tx = threadIdx.x, ty = threadIdx.y, row = blockIdx.y * 16 + ty, column = blockIdx.x * 16 + tx;
  int fetched = blockIdx.y * 16 + tx;
  float sum = 0;
  for (int first = 0; first < k; first += 16) {
    a[tx][ty] = fetched < m && first + ty < k ? A[fetched * k + first + ty] : 0;
    b[ty][tx] = first + ty < k && column < n ? B[(first + ty) * n + column] : 0;
    __syncthreads();
    for (int i = 0; i < 16; i++) sum += a[ty][i] * b[i][tx];
    __syncthreads();
  }
  if (row < m && column < n) C[row * n + column] = sum;
}
"""
