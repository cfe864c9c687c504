# expects: each with its own limit
COPY = """
__global__ void copy(float* out, const float* in, int rows, int columns) {
  int column = blockIdx.x * blockDim.x + threadIdx.x;
  int row = blockIdx.y * blockDim.y + threadIdx.y;
  if (row * columns + column < rows * columns - columns) out[row * columns + column] = in[row * columns + column];
}
"""
