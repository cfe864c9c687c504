# expects: A block has 32 columns and 8 rows
COPY = """
__global__ void copy(float* out, const float* in, int rows, int columns) {
  int x = blockIdx.x * 32 + threadIdx.x, y = blockIdx.y * 32 + threadIdx.y;
  if (x < columns && y < rows) out[y * columns + x] = in[y * columns + x];
}
"""
