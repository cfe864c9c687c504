# expects: still side by side
PLANES = """
__global__ void planes(float* out, const float4* in, int pixels) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < pixels) ((float4*)out)[i] = in[i];
}
"""
