# expects: The bytes that your kernel reads from global memory
LINEAR_RELU = """
__global__ void linear_relu(float* out, const float* x, const float* weight, const float* bias,
                            int rows, int inputs, int outputs) {
  int o = blockIdx.x * blockDim.x + threadIdx.x;
  int r = blockIdx.y * blockDim.y + threadIdx.y;
  if (r >= rows || o >= outputs) return;
  float v = bias[o];
  for (int k = 0; k < inputs; ++k) v += x[r * inputs + k] * weight[o * inputs + k];
  out[r * outputs + o] = v > 0 ? v : 0;
}
"""
