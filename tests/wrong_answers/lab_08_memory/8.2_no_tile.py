# expects: For both sides at once
TRANSPOSE = """
__global__ void transpose(float* out, const float* in, int rows, int columns) {
  int column = blockIdx.x * 32 + threadIdx.x, row = blockIdx.y * 32 + threadIdx.y;
  if (row < rows && column < columns) out[column * rows + row] = in[row * columns + column];
}
"""
