// The copy ladder: out[i] = in[i] for n floats. Sizes are multiples of what a block handles.
//
// -D: ITEMS, float4s in flight in each thread of copy_float4 and copy_resident; STREAMING, to mark both arrays as used once, so
// that the L2 cache gives their lines up first.
#ifndef ITEMS
#define ITEMS 4
#endif
#ifdef STREAMING
#define LOAD(pointer) __ldcs(pointer)
#define STORE(pointer, value) __stcs(pointer, value)
#else
#define LOAD(pointer) (*(pointer))
#define STORE(pointer, value) (*(pointer) = (value))
#endif

// Lesson 08's kernel: four bytes a thread.
extern "C" __global__ void copy_scalar(float* out, const float* in, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = in[i];
}

// 16 bytes a thread and load, ITEMS independent loads before the first store. A block copies ITEMS * blockDim.x float4s.
extern "C" __global__ void copy_float4(float4* __restrict__ out, const float4* __restrict__ in, int n) {
  int first = blockIdx.x * blockDim.x * ITEMS + threadIdx.x, quads = n / 4;
  float4 v[ITEMS];
#pragma unroll
  for (int l = 0; l < ITEMS; l++)
    if (first + l * blockDim.x < quads) v[l] = LOAD(&in[first + l * blockDim.x]);
#pragma unroll
  for (int l = 0; l < ITEMS; l++)
    if (first + l * blockDim.x < quads) STORE(&out[first + l * blockDim.x], v[l]);
}

// The same with as many blocks as fit on the GPU at once: each walks over the array in steps of the whole grid.
extern "C" __global__ void copy_resident(float4* __restrict__ out, const float4* __restrict__ in, int n) {
  int step = gridDim.x * blockDim.x * ITEMS, quads = n / 4;
  for (int first = blockIdx.x * blockDim.x * ITEMS + threadIdx.x; first < quads; first += step) {
    float4 v[ITEMS];
#pragma unroll
    for (int l = 0; l < ITEMS; l++)
      if (first + l * blockDim.x < quads) v[l] = LOAD(&in[first + l * blockDim.x]);
#pragma unroll
    for (int l = 0; l < ITEMS; l++)
      if (first + l * blockDim.x < quads) STORE(&out[first + l * blockDim.x], v[l]);
  }
}
