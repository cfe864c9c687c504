# expects: The bias belongs to the output o
LINEAR_RELU = """
__global__ void linear_relu(float* out, const float* x, const float* weight, const float* bias,
                            int rows, int inputs, int outputs) {
  __shared__ float xs[16][17], ws[16][17];
  int tx = threadIdx.x, ty = threadIdx.y;
  int o = blockIdx.x * 16 + tx, r = blockIdx.y * 16 + ty, w = blockIdx.x * 16 + ty;
  float v = r < outputs ? bias[r] : 0;
  for (int k = tx; k - tx < inputs; k += 16) {
    xs[ty][tx] = r < rows && k < inputs ? x[r * inputs + k] : 0;
    ws[ty][tx] = w < outputs && k < inputs ? weight[w * inputs + k] : 0;
    __syncthreads();
    for (int i = 0; i < 16; ++i) v += xs[ty][i] * ws[tx][i];
    __syncthreads();
  }
  if (r < rows && o < outputs) out[r * outputs + o] = v > 0 ? v : 0;
}
"""
