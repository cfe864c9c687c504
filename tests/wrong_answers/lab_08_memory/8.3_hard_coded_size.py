# expects: Plane c begins at c
PLANES = """
__global__ void planes(float* out, const float4* in, int pixels) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < pixels && 768 + i < 4 * pixels) {
    float4 pixel = in[i];
    out[i] = pixel.x;
    out[256 + i] = pixel.y;
    out[512 + i] = pixel.z;
    out[768 + i] = pixel.w;
  }
}
"""
