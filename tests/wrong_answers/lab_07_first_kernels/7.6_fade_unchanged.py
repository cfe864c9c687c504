# expects: everything is black
MIRROR = """
__global__ void mirror(const float *in, float *out, int width, int height)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x < width && y < height)
        out[y * width + x] = in[y * width + (width - 1 - x)];
}
"""
FADE = """
__global__ void fade(const unsigned char *in, unsigned char *out, int percent, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        out[i] = in[i] * (percent / 100);
}
"""
