# expects: x, y, z, w are red, green, blue, alpha
PLANES = """
__global__ void planes(float* out, const float4* in, int pixels) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < pixels) {
    float4 pixel = in[i];
    out[i] = pixel.z;
    out[pixels + i] = pixel.y;
    out[2 * pixels + i] = pixel.x;
    out[3 * pixels + i] = pixel.w;
  }
}
"""
