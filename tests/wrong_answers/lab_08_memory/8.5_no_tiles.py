# expects: into a tile that all its threads use
PRODUCT = """
__global__ void product(float* C, const float* A, const float* B, int m, int k, int n) {
  int row = blockIdx.y * 16 + threadIdx.y, column = blockIdx.x * 16 + threadIdx.x;
  if (row >= m || column >= n) return;
  float sum = 0;
  for (int i = 0; i < k; i++) sum += A[row * k + i] * B[i * n + column];
  C[row * n + column] = sum;
}
"""
