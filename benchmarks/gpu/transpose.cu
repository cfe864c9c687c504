// The transpose ladder: out (columns x rows) = in (rows x columns) transposed. Sizes are multiples of the tile's.
//
// -D, for transpose_swizzled: ROWS and COLUMNS of a tile (multiples of 32), THREADS of a block, GROUP (see there).
#ifndef ROWS
#define ROWS 64
#endif
#ifndef COLUMNS
#define COLUMNS 64
#endif
#ifndef THREADS
#define THREADS 256
#endif
#ifndef GROUP
#define GROUP 8
#endif

// Block (32, 8): a tile of 32 x 32, stored by columns: 32 sectors a request.
extern "C" __global__ void transpose_naive(float* out, const float* in, int rows, int columns) {
  int x = blockIdx.x * 32 + threadIdx.x, y = blockIdx.y * 32 + threadIdx.y;
  for (int j = 0; j < 32; j += 8) out[(size_t)x * rows + y + j] = in[(size_t)(y + j) * columns + x];
}

// Lesson 08's tile, its columns all in one bank.
extern "C" __global__ void transpose_tiled(float* out, const float* in, int rows, int columns) {
  __shared__ float tile[32][32];
  int x = blockIdx.x * 32 + threadIdx.x, y = blockIdx.y * 32 + threadIdx.y;
  for (int j = 0; j < 32; j += 8) tile[threadIdx.y + j][threadIdx.x] = in[(size_t)(y + j) * columns + x];
  __syncthreads();
  x = blockIdx.y * 32 + threadIdx.x;
  y = blockIdx.x * 32 + threadIdx.y;
  for (int j = 0; j < 32; j += 8) out[(size_t)(y + j) * rows + x] = tile[threadIdx.x][threadIdx.y + j];
}

// The same with rows padded by one element, so that a column meets 32 different banks.
extern "C" __global__ void transpose_padded(float* out, const float* in, int rows, int columns) {
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

// 16 bytes a thread, load and store, in global memory, LOADS of each in flight, and no bank conflict in shared memory.
//
// The tile lies in shared memory as float4s. The quad of columns c/4 of row r lies at place c/4 ^ (r/4 % 8) of that row:
// eight rows r, r+4, ... r+28 have the same column in eight different groups of four banks. A warp then takes 8 quads of
// rows of 4 neighbouring columns: 32 different banks.
//
// Blocks go through the matrix in bands of GROUP tiles' height, down before across: the blocks that run together then
// read and write whole stretches of GROUP * 4 * ROWS bytes, kind to the pages of the memory chips. grid.x is all tiles.
#define LOADS (ROWS * COLUMNS / 4 / THREADS)
extern "C" __global__ void __launch_bounds__(THREADS)
transpose_swizzled(float* __restrict__ out, const float* __restrict__ in, int rows, int columns) {
  __shared__ float4 tile[ROWS * COLUMNS / 4];
  const int across = columns / COLUMNS, band = blockIdx.x / (GROUP * across), place = blockIdx.x % (GROUP * across);
  const size_t top = (size_t)(band * GROUP + place % GROUP) * ROWS, left = (size_t)(place / GROUP) * COLUMNS;
  float4 v[LOADS];
#pragma unroll
  for (int l = 0; l < LOADS; l++) {
    int at = l * THREADS + threadIdx.x, r = at / (COLUMNS / 4), quad = at % (COLUMNS / 4);
    v[l] = *(const float4*)&in[(top + r) * columns + left + quad * 4];
  }
#pragma unroll
  for (int l = 0; l < LOADS; l++) {
    int at = l * THREADS + threadIdx.x, r = at / (COLUMNS / 4), quad = at % (COLUMNS / 4);
    tile[r * (COLUMNS / 4) + (quad ^ (r / 4 % 8))] = v[l];
  }
  __syncthreads();
  const float* words = (const float*)tile;
#pragma unroll
  for (int l = 0; l < LOADS; l++) {
    int at = l * THREADS + threadIdx.x, lane = at % 32, part = at / 32;
    int quad = part % (ROWS / 32) * 8 + lane % 8;           // of rows
    int c = part / (ROWS / 32) * 4 + lane / 8;              // column of the tile
    float w[4];
#pragma unroll
    for (int j = 0; j < 4; j++) w[j] = words[(quad * 4 + j) * COLUMNS + ((c / 4) ^ (quad % 8)) * 4 + c % 4];
    *(float4*)&out[(left + c) * rows + top + quad * 4] = make_float4(w[0], w[1], w[2], w[3]);
  }
}
