// Lesson 08's rungs of the matrix product: C (m x n) = A (m x k) B (k x n), row-major. Sizes are multiples of the tile's.

// Block (16, 16); neighbouring threads take neighbouring rows: A and C are a row apart.
extern "C" __global__ void product_across(float* c, const float* a, const float* b, int m, int n, int k) {
  int row = blockIdx.x * 16 + threadIdx.x, column = blockIdx.y * 16 + threadIdx.y;
  float sum = 0;
  for (int i = 0; i < k; i++) sum += a[(size_t)row * k + i] * b[(size_t)i * n + column];
  c[(size_t)row * n + column] = sum;
}

extern "C" __global__ void product_coalesced(float* c, const float* a, const float* b, int m, int n, int k) {
  int row = blockIdx.y * 16 + threadIdx.y, column = blockIdx.x * 16 + threadIdx.x;
  float sum = 0;
  for (int i = 0; i < k; i++) sum += a[(size_t)row * k + i] * b[(size_t)i * n + column];
  c[(size_t)row * n + column] = sum;
}

extern "C" __global__ void product_shared(float* c, const float* a, const float* b, int m, int n, int k) {
  __shared__ float left[16][16], right[16][16];
  int tx = threadIdx.x, ty = threadIdx.y, row = blockIdx.y * 16 + ty, column = blockIdx.x * 16 + tx;
  float sum = 0;
  for (int first = 0; first < k; first += 16) {
    left[ty][tx] = a[(size_t)row * k + first + tx];
    right[ty][tx] = b[(size_t)(first + ty) * n + column];
    __syncthreads();
    for (int i = 0; i < 16; i++) sum += left[ty][i] * right[i][tx];
    __syncthreads();
  }
  c[(size_t)row * n + column] = sum;
}

// A tile of 64 x 64, 4 x 4 sums in each thread's registers.
extern "C" __global__ void product_blocked(float* c, const float* a, const float* b, int m, int n, int k) {
  __shared__ float left[64][16], right[16][64];
  int tx = threadIdx.x, ty = threadIdx.y, top = blockIdx.y * 64, side = blockIdx.x * 64;
  float sum[4][4] = {};
  for (int first = 0; first < k; first += 16) {
    for (int i = ty * 16 + tx; i < 64 * 16; i += 256) {
      left[i / 16][i % 16] = a[(size_t)(top + i / 16) * k + first + i % 16];
      right[i / 64][i % 64] = b[(size_t)(first + i / 64) * n + side + i % 64];
    }
    __syncthreads();
    for (int p = 0; p < 16; p++) {
      float x[4], y[4];
      for (int i = 0; i < 4; i++) x[i] = left[ty + 16 * i][p], y[i] = right[p][tx + 16 * i];
      for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) sum[i][j] += x[i] * y[j];
    }
    __syncthreads();
  }
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++) c[(size_t)(top + ty + 16 * i) * n + side + tx + 16 * j] = sum[i][j];
}
