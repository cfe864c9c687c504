# expects: the limits of the second half
TRANSPOSE = """
__global__ void transpose(float* out, const float* in, int rows, int columns) {
  __shared__ float tile[32][33];
  int column = blockIdx.x * 32 + threadIdx.x, row = blockIdx.y * 32 + threadIdx.y;
  if (row < rows && column < columns) tile[threadIdx.y][threadIdx.x] = in[row * columns + column];
  __syncthreads();
  column = blockIdx.y * 32 + threadIdx.x, row = blockIdx.x * 32 + threadIdx.y;
  if (row < rows && column < columns) out[row * rows + column] = tile[threadIdx.x][threadIdx.y];
}
"""
