// The reduction ladder: *out += the sum of n floats. *out is 0 before.
//
// -D: ITEMS, float4s in flight in each thread of sum_float4; THREADS of its block.
#ifndef ITEMS
#define ITEMS 4
#endif
#ifndef THREADS
#define THREADS 256
#endif

extern "C" __global__ void sum_atomic(float* out, const float* in, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) atomicAdd(out, in[i]);
}

// Lesson 09's tree of 256 elements, the idle half of the threads shrinking from the end.
extern "C" __global__ void sum_tree(float* out, const float* in, int n) {
  __shared__ float part[256];
  int t = threadIdx.x, i = blockIdx.x * 256 + t;
  part[t] = i < n ? in[i] : 0;
  __syncthreads();
  for (int s = 128; s > 0; s /= 2) {
    if (t < s) part[t] += part[t + s];
    __syncthreads();
  }
  if (t == 0) atomicAdd(out, part[0]);
}

__device__ float warp_sum(float v) {
#pragma unroll
  for (int o = 16; o > 0; o /= 2) v += __shfl_down_sync(0xffffffffu, v, o);
  return v;
}

// Lesson 09's shuffles: one barrier.
extern "C" __global__ void sum_shuffle(float* out, const float* in, int n) {
  __shared__ float part[8];
  int t = threadIdx.x, i = blockIdx.x * 256 + t;
  float v = warp_sum(i < n ? in[i] : 0);
  if (t % 32 == 0) part[t / 32] = v;
  __syncthreads();
  if (t < 32) v = warp_sum(t < 8 ? part[t] : 0);
  if (t == 0) atomicAdd(out, v);
}

// As many blocks as fit on the GPU at once; ITEMS float4 loads in flight in each thread; one atomic a block.
extern "C" __global__ void __launch_bounds__(THREADS) sum_float4(float* out, const float4* __restrict__ in, int n) {
  __shared__ float part[THREADS / 32];
  int t = threadIdx.x, step = gridDim.x * THREADS * ITEMS, quads = n / 4;
  float v = 0;
  for (int first = blockIdx.x * THREADS * ITEMS + t; first < quads; first += step) {
    float4 x[ITEMS];
#pragma unroll
    for (int l = 0; l < ITEMS; l++) {
      int i = first + l * THREADS;
      x[l] = i < quads ? in[i] : make_float4(0, 0, 0, 0);
    }
#pragma unroll
    for (int l = 0; l < ITEMS; l++) v += (x[l].x + x[l].y) + (x[l].z + x[l].w);
  }
  v = warp_sum(v);
  if (t % 32 == 0) part[t / 32] = v;
  __syncthreads();
  if (t < 32) v = warp_sum(t < THREADS / 32 ? part[t] : 0);
  if (t == 0) atomicAdd(out, v);
}
