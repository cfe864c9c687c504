# expects: which threads have none
PLANES = """
__global__ void planes(float* out, const float4* in, int pixels) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  {
    float4 pixel = in[i];
    out[i] = pixel.x;
    out[pixels + i] = pixel.y;
    out[2 * pixels + i] = pixel.z;
    out[3 * pixels + i] = pixel.w;
  }
}
"""
