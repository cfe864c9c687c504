// The course's fastest hand-written FP32 matrix product: C (m x n) = A (m x k) B (k x n), row-major, no tensor cores.
//
// A block computes a BM x BN tile of C, a warp a WM x WN part of it, a thread TM x TN of these, in registers: TM/4 x TN/4
// squares of 4 x 4, spread over the warp's part, so that the lanes of a warp read neighbouring float4s of shared memory.
//
// Two tiles of A and B each lie in shared memory. While the block multiplies one pair, every thread has its float4s of
// the next pair under way from global memory in registers; it stores them to the other buffer, and one barrier a step
// suffices. A lies transposed, its rows padded by 4 floats, so that the transposing stores of a warp meet in few banks.
// The registers that feed the multiply-adds are double-buffered, too: those of step p + 1 are read while step p adds.
//
// A load of 16 bytes a lane takes half as long where the lanes of each pair (n, n^1), or of each pair (n, n^2), ask for
// the same address (see nogpu's Counters.shared_load_wavefronts). So lanes are laid out with one bit of the row in bit 0
// and one of the column in bit 1: rows of A agree in the pairs (n, n^2), columns of B in the pairs (n, n^1).
//
// -D chooses all of that; needs m % BM == n % BN == k % BK == 0 and pointers aligned to 16 bytes. BLOCKS is how many
// blocks must fit on a multiprocessor: it bounds the registers.
#ifndef BM  // all are given, or none
#define BM 128
#define BN 128
#define BK 8
#define WM 32
#define WN 64
#define TM 8
#define TN 8
#define BLOCKS 2
#endif
#define THREADS (BM / WM * (BN / WN) * 32)
#define LANES_N (WN / TN)
#define LOADS_A (BM * BK / 4 / THREADS)
#define LOADS_B (BK * BN / 4 / THREADS)
#define STEP_M (WM / (TM / 4))
#define STEP_N (WN / (TN / 4))
static_assert(WM / TM * LANES_N == 32, "a warp has 32 lanes");
static_assert(LOADS_A * THREADS * 4 == BM * BK && LOADS_B * THREADS * 4 == BN * BK, "tiles are loaded evenly");

struct Fragment {
  float a[TM], b[TN];
};

__device__ __forceinline__ void read(Fragment& f, const float* a, const float* b) {
#pragma unroll
  for (int i = 0; i < TM; i += 4) {
    float4 v = *(const float4*)&a[i / 4 * STEP_M];
    f.a[i] = v.x; f.a[i + 1] = v.y; f.a[i + 2] = v.z; f.a[i + 3] = v.w;
  }
#pragma unroll
  for (int j = 0; j < TN; j += 4) {
    float4 v = *(const float4*)&b[j / 4 * STEP_N];
    f.b[j] = v.x; f.b[j + 1] = v.y; f.b[j + 2] = v.z; f.b[j + 3] = v.w;
  }
}

__device__ __forceinline__ void multiply(float (&sums)[TM][TN], const float (*a)[BM + 4], const float (*b)[BN],
                                         int row, int column) {
  Fragment f[2];
  read(f[0], &a[0][row], &b[0][column]);
#pragma unroll
  for (int p = 0; p < BK; p++) {
    if (p + 1 < BK) read(f[(p + 1) % 2], &a[p + 1][row], &b[p + 1][column]);
#pragma unroll
    for (int i = 0; i < TM; i++)
#pragma unroll
      for (int j = 0; j < TN; j++) sums[i][j] += f[p % 2].a[i] * f[p % 2].b[j];
  }
}

struct Next {
  float4 a[LOADS_A], b[LOADS_B];
};

__device__ __forceinline__ void fetch(Next& next, const float* a, const float* b, int n, int k) {
#pragma unroll
  for (int l = 0; l < LOADS_A; l++) {
    int at = l * THREADS + threadIdx.x;
    next.a[l] = *(const float4*)&a[(size_t)(at / (BK / 4)) * k + at % (BK / 4) * 4];
  }
#pragma unroll
  for (int l = 0; l < LOADS_B; l++) {
    int at = l * THREADS + threadIdx.x;
    next.b[l] = *(const float4*)&b[(size_t)(at / (BN / 4)) * n + at % (BN / 4) * 4];
  }
}

__device__ __forceinline__ void store(const Next& next, float (*a)[BM + 4], float (*b)[BN]) {
#pragma unroll
  for (int l = 0; l < LOADS_A; l++) {
    int at = l * THREADS + threadIdx.x, y = at / (BK / 4), x = at % (BK / 4) * 4;
    a[x][y] = next.a[l].x;
    a[x + 1][y] = next.a[l].y;
    a[x + 2][y] = next.a[l].z;
    a[x + 3][y] = next.a[l].w;
  }
#pragma unroll
  for (int l = 0; l < LOADS_B; l++) {
    int at = l * THREADS + threadIdx.x;
    *(float4*)&b[at / (BN / 4)][at % (BN / 4) * 4] = next.b[l];
  }
}

extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS)
matmul(float* __restrict__ c, const float* __restrict__ a, const float* __restrict__ b, int m, int n, int k) {
  __shared__ __align__(16) float tile_a[2][BK][BM + 4];
  __shared__ __align__(16) float tile_b[2][BK][BN];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int row = warp / (BN / WN) * WM + (lane % 2 + lane / (2 * LANES_N) * 2) * 4;
  const int column = warp % (BN / WN) * WN + lane / 2 % LANES_N * 4;
  a += (size_t)blockIdx.y * BM * k;
  b += blockIdx.x * BN;
  float sums[TM][TN];
#pragma unroll
  for (int i = 0; i < TM; i++)
#pragma unroll
    for (int j = 0; j < TN; j++) sums[i][j] = 0;

  Next next;
  fetch(next, a, b, n, k);
  store(next, tile_a[0], tile_b[0]);
  __syncthreads();
  int now = 0;
  for (int start = BK; start < k; start += BK) {
    fetch(next, a + start, b + (size_t)start * n, n, k);
    multiply(sums, tile_a[now], tile_b[now], row, column);
    now ^= 1;  // all have passed the last barrier: nobody reads this buffer any more
    store(next, tile_a[now], tile_b[now]);
    __syncthreads();
  }
  multiply(sums, tile_a[now], tile_b[now], row, column);

#pragma unroll
  for (int i = 0; i < TM; i++) {
    size_t y = (size_t)blockIdx.y * BM + row + i / 4 * STEP_M + i % 4;
#pragma unroll
    for (int j = 0; j < TN; j += 4) {
      float4 v = make_float4(sums[i][j], sums[i][j + 1], sums[i][j + 2], sums[i][j + 3]);
      *(float4*)&c[y * n + blockIdx.x * BN + column + j / 4 * STEP_N] = v;
    }
  }
}
