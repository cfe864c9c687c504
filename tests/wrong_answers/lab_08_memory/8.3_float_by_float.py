# expects: Load the pixel once
PLANES = """
__global__ void planes(float* out, const float4* in, int pixels) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  const float* values = (const float*)in;
  if (i < pixels)
    for (int c = 0; c < 4; c++) out[c * pixels + i] = values[4 * i + c];
}
"""
