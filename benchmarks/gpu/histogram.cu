// The histogram ladder: bins[v] += how often the byte v is among n bytes. The 256 bins are 0 before; n % 16 == 0.
//
// -D: ITEMS, 16-byte loads in flight in each thread of histogram_wide and histogram_lanes.
#ifndef ITEMS
#define ITEMS 2
#endif

extern "C" __global__ void histogram_global(unsigned* bins, const unsigned char* in, int n) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) atomicAdd(&bins[in[i]], 1u);
}

// Lesson 09's: bins of each block's own in shared memory, added up at its end.
extern "C" __global__ void histogram_private(unsigned* bins, const unsigned char* in, int n) {
  __shared__ unsigned own[256];
  for (int b = threadIdx.x; b < 256; b += blockDim.x) own[b] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) atomicAdd(&own[in[i]], 1u);
  __syncthreads();
  for (int b = threadIdx.x; b < 256; b += blockDim.x) atomicAdd(&bins[b], own[b]);
}

// Count the four bytes of a word; `stride` floats apart lie the bins of the caller's copy.
__device__ void count(unsigned* own, unsigned word, int stride) {
#pragma unroll
  for (int shift = 0; shift < 32; shift += 8) atomicAdd(&own[(word >> shift & 255) * stride], 1u);
}

// The same with 16 bytes a load.
extern "C" __global__ void histogram_wide(unsigned* bins, const uint4* __restrict__ in, int n) {
  __shared__ unsigned own[256];
  for (int b = threadIdx.x; b < 256; b += blockDim.x) own[b] = 0;
  __syncthreads();
  const int pieces = n / 16, step = gridDim.x * blockDim.x * ITEMS;
  for (int first = blockIdx.x * blockDim.x * ITEMS + threadIdx.x; first < pieces; first += step) {
    uint4 v[ITEMS];
#pragma unroll
    for (int l = 0; l < ITEMS; l++)
      if (first + l * blockDim.x < pieces) v[l] = in[first + l * blockDim.x];
#pragma unroll
    for (int l = 0; l < ITEMS; l++)
      if (first + l * blockDim.x < pieces) {
        count(own, v[l].x, 1); count(own, v[l].y, 1); count(own, v[l].z, 1); count(own, v[l].w, 1);
      }
  }
  __syncthreads();
  for (int b = threadIdx.x; b < 256; b += blockDim.x) atomicAdd(&bins[b], own[b]);
}

// Each of a warp's 32 lanes counts in a copy of its own, which lies in a bank of its own: no lane waits for another.
extern "C" __global__ void histogram_lanes(unsigned* bins, const uint4* __restrict__ in, int n) {
  __shared__ unsigned own[256 * 32];
  for (int b = threadIdx.x; b < 256 * 32; b += blockDim.x) own[b] = 0;
  __syncthreads();
  unsigned* mine = own + threadIdx.x % 32;
  const int pieces = n / 16, step = gridDim.x * blockDim.x * ITEMS;
  for (int first = blockIdx.x * blockDim.x * ITEMS + threadIdx.x; first < pieces; first += step) {
    uint4 v[ITEMS];
#pragma unroll
    for (int l = 0; l < ITEMS; l++)
      if (first + l * blockDim.x < pieces) v[l] = in[first + l * blockDim.x];
#pragma unroll
    for (int l = 0; l < ITEMS; l++)
      if (first + l * blockDim.x < pieces) {
        count(mine, v[l].x, 32); count(mine, v[l].y, 32); count(mine, v[l].z, 32); count(mine, v[l].w, 32);
      }
  }
  __syncthreads();
  for (int b = threadIdx.x; b < 256; b += blockDim.x) {
    unsigned sum = 0;
    for (int i = 0; i < 32; i++) sum += own[b * 32 + (i + b) % 32];  // each lane begins at another bank
    atomicAdd(&bins[b], sum);
  }
}
