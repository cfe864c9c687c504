// The rungs of the memory ladders: copy, transpose, reduction. Sizes are multiples of what one block handles.

extern "C" __global__ void copy_scalar(float* out, const float* in, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = in[i];
}

// 16 bytes a thread, four independent loads in flight. n counts float4s; a block copies 4 * blockDim.x of them.
extern "C" __global__ void copy_float4(float4* out, const float4* in, int n) {
  int first = blockIdx.x * blockDim.x * 4 + threadIdx.x;
  float4 v[4];
#pragma unroll
  for (int l = 0; l < 4; l++) {
    int i = first + l * blockDim.x;
    if (i < n) v[l] = in[i];
  }
#pragma unroll
  for (int l = 0; l < 4; l++) {
    int i = first + l * blockDim.x;
    if (i < n) out[i] = v[l];
  }
}

extern "C" __global__ void transpose_naive(float* out, const float* in, int rows, int columns) {
  int x = blockIdx.x * 32 + threadIdx.x, y = blockIdx.y * 32 + threadIdx.y;
  for (int j = 0; j < 32; j += 8) out[(size_t)x * rows + y + j] = in[(size_t)(y + j) * columns + x];
}

// Block (32, 8): a tile of 32 x 32, its rows padded by one element so that a column meets 32 different banks.
extern "C" __global__ void transpose_tiled(float* out, const float* in, int rows, int columns) {
  __shared__ float tile[32][33];
  int x = blockIdx.x * 32 + threadIdx.x, y = blockIdx.y * 32 + threadIdx.y;
#pragma unroll
  for (int j = 0; j < 32; j += 8) tile[threadIdx.y + j][threadIdx.x] = in[(size_t)(y + j) * columns + x];
  __syncthreads();
  x = blockIdx.y * 32 + threadIdx.x;
  y = blockIdx.x * 32 + threadIdx.y;
#pragma unroll
  for (int j = 0; j < 32; j += 8) out[(size_t)(y + j) * rows + x] = tile[threadIdx.x][threadIdx.y + j];
}

// Block (16, 16): a tile of 64 x 64 by float4 loads and stores, four of each in flight in every thread.
extern "C" __global__ void transpose_float4(float* out, const float* in, int rows, int columns) {
  __shared__ float tile[64][65];
  int x = threadIdx.x * 4, y = threadIdx.y;
  const float* from = in + (size_t)blockIdx.y * 64 * columns + blockIdx.x * 64;
  float4 v[4];
#pragma unroll
  for (int l = 0; l < 4; l++) v[l] = *(const float4*)&from[(size_t)(y + 16 * l) * columns + x];
#pragma unroll
  for (int l = 0; l < 4; l++) {
    tile[y + 16 * l][x] = v[l].x;
    tile[y + 16 * l][x + 1] = v[l].y;
    tile[y + 16 * l][x + 2] = v[l].z;
    tile[y + 16 * l][x + 3] = v[l].w;
  }
  __syncthreads();
  float* to = out + (size_t)blockIdx.x * 64 * rows + blockIdx.y * 64;
#pragma unroll
  for (int l = 0; l < 4; l++) {
    int c = y + 16 * l;
    *(float4*)&to[(size_t)c * rows + x] = make_float4(tile[x][c], tile[x + 1][c], tile[x + 2][c], tile[x + 3][c]);
  }
}

extern "C" __global__ void reduce_atomic(float* out, const float* in, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) atomicAdd(out, in[i]);
}

// Four float4 loads in flight, then shuffles, then one atomic a block. n counts float4s; blockDim.x is 256.
extern "C" __global__ void reduce_float4(float* out, const float4* in, int n) {
  __shared__ float parts[8];
  float sum = 0.0f;
  int step = gridDim.x * blockDim.x;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += 4 * step) {
    float4 v[4];
#pragma unroll
    for (int l = 0; l < 4; l++) v[l] = i + l * step < n ? in[i + l * step] : make_float4(0, 0, 0, 0);
#pragma unroll
    for (int l = 0; l < 4; l++) sum += (v[l].x + v[l].y) + (v[l].z + v[l].w);
  }
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_down_sync(0xffffffffu, sum, offset);
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int w = 1; w < 8; w++) sum += parts[w];
    atomicAdd(out, sum);
  }
}
