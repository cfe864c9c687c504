# expects: defines no kernel named `copy`
COPY = """
__global__ void copy2d(float* out, const float* in, int rows, int columns) {
  int column = blockIdx.x * blockDim.x + threadIdx.x;
  int row = blockIdx.y * blockDim.y + threadIdx.y;
  if (row < rows && column < columns) out[row * columns + column] = in[row * columns + column];
}
"""
