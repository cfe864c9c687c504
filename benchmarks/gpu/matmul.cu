// The course's fastest hand-written FP32 matrix product: C = A B, row-major, without tensor cores.
//
// A block of (BM/TM) * (BN/TN) threads computes a BM x BN tile of C; a thread keeps TM x TN sums in registers. While the
// block multiplies one pair of shared tiles, each thread's next float4s of A and B are on their way into registers
// (prefetch), and are stored to the other of two buffers, so that one barrier a step suffices. A lies transposed in
// shared memory: a thread reads neighbouring rows' values as float4. Its rows are padded by 4 floats, so that the
// transposing stores of a warp meet in fewer banks.
// The tile is chosen by -D: BM, BN, BK, TM, TN. Needs m % BM == n % BN == k % BK == 0 and pointers aligned to 16 bytes.
#ifndef BM
#define BM 128
#endif
#ifndef BN
#define BN 128
#endif
#ifndef BK
#define BK 8
#endif
#ifndef TM
#define TM 8
#endif
#ifndef TN
#define TN 8
#endif
#define THREADS ((BM / TM) * (BN / TN))
#define LOADS_A (BM * BK / 4 / THREADS)
#define LOADS_B (BK * BN / 4 / THREADS)
#define ROWS_A (BM + 4)
// Each thread's columns are TN/4 groups of 4, COLUMN_STEP apart: a warp then reads whole rows of B without conflicts.
#define COLUMN_STEP (BN / (TN / 4))
#define ROW_STEP (BM / (TM / 4))

extern "C" __global__ void __launch_bounds__(THREADS)
matmul(float* c, const float* a, const float* b, int m, int n, int k) {
  __shared__ __align__(16) float tile_a[2][BK][ROWS_A];
  __shared__ __align__(16) float tile_b[2][BK][BN];
  const int t = threadIdx.x;
  const int column = (t % (BN / TN)) * 4, row = (t / (BN / TN)) * 4;
  a += (size_t)blockIdx.y * BM * k;
  b += blockIdx.x * BN;
  float4 next_a[LOADS_A], next_b[LOADS_B];
  float sums[TM][TN];
#pragma unroll
  for (int i = 0; i < TM; i++)
#pragma unroll
    for (int j = 0; j < TN; j++) sums[i][j] = 0.0f;

  int buffer = 0;
  for (int start = 0; start <= k; start += BK) {
    if (start < k) {  // fetch the tiles of this step: they are multiplied in the next
#pragma unroll
      for (int l = 0; l < LOADS_A; l++) {
        int at = l * THREADS + t;
        next_a[l] = *(const float4*)&a[(size_t)(at / (BK / 4)) * k + start + at % (BK / 4) * 4];
      }
#pragma unroll
      for (int l = 0; l < LOADS_B; l++) {
        int at = l * THREADS + t;
        next_b[l] = *(const float4*)&b[(size_t)(start + at / (BN / 4)) * n + at % (BN / 4) * 4];
      }
    }
    if (start > 0) {  // multiply the tiles of the step before
      int now = buffer ^ 1;
#pragma unroll
      for (int p = 0; p < BK; p++) {
        float left[TM], right[TN];
#pragma unroll
        for (int i = 0; i < TM; i += 4) {
          float4 v = *(const float4*)&tile_a[now][p][i / 4 * ROW_STEP + row];
          left[i] = v.x; left[i + 1] = v.y; left[i + 2] = v.z; left[i + 3] = v.w;
        }
#pragma unroll
        for (int j = 0; j < TN; j += 4) {
          float4 v = *(const float4*)&tile_b[now][p][j / 4 * COLUMN_STEP + column];
          right[j] = v.x; right[j + 1] = v.y; right[j + 2] = v.z; right[j + 3] = v.w;
        }
#pragma unroll
        for (int i = 0; i < TM; i++)
#pragma unroll
          for (int j = 0; j < TN; j++) sums[i][j] += left[i] * right[j];
      }
    }
    if (start < k) {  // the other buffer was read last in the step before the last barrier
#pragma unroll
      for (int l = 0; l < LOADS_A; l++) {
        int at = l * THREADS + t, y = at / (BK / 4), x = at % (BK / 4) * 4;
        tile_a[buffer][x][y] = next_a[l].x;
        tile_a[buffer][x + 1][y] = next_a[l].y;
        tile_a[buffer][x + 2][y] = next_a[l].z;
        tile_a[buffer][x + 3][y] = next_a[l].w;
      }
#pragma unroll
      for (int l = 0; l < LOADS_B; l++) {
        int at = l * THREADS + t;
        *(float4*)&tile_b[buffer][at / (BN / 4)][at % (BN / 4) * 4] = next_b[l];
      }
      __syncthreads();
    }
    buffer ^= 1;
  }

#pragma unroll
  for (int i = 0; i < TM; i++) {
    size_t y = (size_t)blockIdx.y * BM + i / 4 * ROW_STEP + row + i % 4;
#pragma unroll
    for (int j = 0; j < TN; j += 4) {
      float4 v = make_float4(sums[i][j], sums[i][j + 1], sums[i][j + 2], sums[i][j + 3]);
      *(float4*)&c[y * n + blockIdx.x * BN + j / 4 * COLUMN_STEP + column] = v;
    }
  }
}
