# expects: let threadIdx.x count along a row
COPY = """
__global__ void copy(float* out, const float* in, int rows, int columns) {
  int i = (blockIdx.y * gridDim.x + blockIdx.x) * 256 + threadIdx.y * 32 + threadIdx.x;
  int row = i % rows, column = i / rows;
  if (column < columns) out[row * columns + column] = in[row * columns + column];
}
"""
