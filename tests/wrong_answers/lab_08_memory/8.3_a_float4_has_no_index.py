# expects: A struct such as float4 has no index
PLANES = """
__global__ void planes(float* out, const float4* in, int pixels) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= pixels) return;
  float4 pixel = in[i];
  for (int c = 0; c < 4; c++) out[c * pixels + i] = pixel[c];
}
"""
