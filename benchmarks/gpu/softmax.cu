// The softmax ladder: each row of out = exp(row - its maximum) / the sum of that. (rows x columns) floats.
//
// -D: THREADS of a block in softmax_block and softmax_registers; ITEMS, float4s of the row in each thread's registers in
// softmax_registers, which needs columns <= 4 * ITEMS * THREADS and columns % 4 == 0.
#ifndef ITEMS
#define ITEMS 4
#endif
#ifndef THREADS
#define THREADS 256
#endif

// One thread a row: neighbouring threads are a row apart, and each row is read three times.
extern "C" __global__ void softmax_thread(float* out, const float* in, int rows, int columns) {
  int r = blockIdx.x * blockDim.x + threadIdx.x;
  if (r >= rows) return;
  const float* row = in + (size_t)r * columns;
  float most = row[0], sum = 0;
  for (int i = 1; i < columns; i++) most = fmaxf(most, row[i]);
  for (int i = 0; i < columns; i++) sum += expf(row[i] - most);
  for (int i = 0; i < columns; i++) out[(size_t)r * columns + i] = expf(row[i] - most) / sum;
}

__device__ float2 merge(float2 a, float2 b) {  // x: maximum, y: sum of exp(value - maximum)
  float m = fmaxf(a.x, b.x);
  return make_float2(m, a.y * expf(a.x - m) + b.y * expf(b.x - m));
}

// Lesson 09's: one warp a row, maximum and sum in one pass (a block is one warp).
extern "C" __global__ void softmax_warp(float* out, const float* in, int rows, int columns) {
  const float* row = in + (size_t)blockIdx.x * columns;
  float2 mine = make_float2(-1e30f, 0);
  for (int i = threadIdx.x; i < columns; i += 32) mine = merge(mine, make_float2(row[i], 1));
  for (int o = 16; o > 0; o /= 2)
    mine = merge(mine, make_float2(__shfl_xor_sync(0xffffffffu, mine.x, o), __shfl_xor_sync(0xffffffffu, mine.y, o)));
  for (int i = threadIdx.x; i < columns; i += 32)
    out[(size_t)blockIdx.x * columns + i] = expf(row[i] - mine.x) / mine.y;
}

// Combine one value of each thread of the block; every thread gets the result. `most`: the maximum instead of the sum.
__device__ float block_combine(float v, bool most) {
  __shared__ float part[THREADS / 32];
#pragma unroll
  for (int o = 16; o > 0; o /= 2) {
    float other = __shfl_xor_sync(0xffffffffu, v, o);
    v = most ? fmaxf(v, other) : v + other;
  }
  __syncthreads();  // the last call's values are read
  if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = v;
  __syncthreads();
  v = part[0];
#pragma unroll
  for (int w = 1; w < THREADS / 32; w++) v = most ? fmaxf(v, part[w]) : v + part[w];
  return v;
}

// One block a row, which is read three times: from DRAM once, from the caches after that.
extern "C" __global__ void __launch_bounds__(THREADS) softmax_block(float* out, const float* in, int rows, int columns) {
  const float* row = in + (size_t)blockIdx.x * columns;
  float most = -1e30f, sum = 0;
  for (int i = threadIdx.x; i < columns; i += THREADS) most = fmaxf(most, row[i]);
  most = block_combine(most, true);
  for (int i = threadIdx.x; i < columns; i += THREADS) sum += expf(row[i] - most);
  sum = block_combine(sum, false);
  for (int i = threadIdx.x; i < columns; i += THREADS) out[(size_t)blockIdx.x * columns + i] = expf(row[i] - most) / sum;
}

// One block a row, which stays in registers: one read by float4, one exponential an element, one write.
extern "C" __global__ void __launch_bounds__(THREADS)
softmax_registers(float4* __restrict__ out, const float4* __restrict__ in, int rows, int columns) {
  const int quads = columns / 4;
  const size_t first = (size_t)blockIdx.x * quads;
  float4 v[ITEMS];
#pragma unroll
  for (int l = 0; l < ITEMS; l++) {
    int i = l * THREADS + threadIdx.x;
    v[l] = i < quads ? in[first + i] : make_float4(-1e30f, -1e30f, -1e30f, -1e30f);
  }
  float most = -1e30f, sum = 0;
#pragma unroll
  for (int l = 0; l < ITEMS; l++) most = fmaxf(most, fmaxf(fmaxf(v[l].x, v[l].y), fmaxf(v[l].z, v[l].w)));
  most = block_combine(most, true);
#pragma unroll
  for (int l = 0; l < ITEMS; l++) {
    v[l] = make_float4(__expf(v[l].x - most), __expf(v[l].y - most), __expf(v[l].z - most), __expf(v[l].w - most));
    sum += (v[l].x + v[l].y) + (v[l].z + v[l].w);
  }
  const float scale = 1 / block_combine(sum, false);
#pragma unroll
  for (int l = 0; l < ITEMS; l++) {
    int i = l * THREADS + threadIdx.x;
    if (i < quads) out[first + i] = make_float4(v[l].x * scale, v[l].y * scale, v[l].z * scale, v[l].w * scale);
  }
}
