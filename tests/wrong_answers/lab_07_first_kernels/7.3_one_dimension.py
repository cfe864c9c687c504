# expects: Two threads write the same byte
GREY = """
__global__ void grey(const unsigned char *rgb, unsigned char *out, int width, int height)
{
    int pixel = blockIdx.x * blockDim.x + threadIdx.x;
    if (pixel < width * height) {
        float light = 0.299f * rgb[3 * pixel] + 0.587f * rgb[3 * pixel + 1] + 0.114f * rgb[3 * pixel + 2];
        out[pixel] = light + 0.5f;
    }
}
"""
