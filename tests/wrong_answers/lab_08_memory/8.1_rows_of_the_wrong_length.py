# expects: row y begins at y * columns
COPY = """
__global__ void copy(float* out, const float* in, int rows, int columns) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= columns || y >= rows) return;
  out[y * rows + x] = in[y * rows + x];
}
"""
