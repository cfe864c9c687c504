# expects: it is black
GREY = """
__global__ void grey(const unsigned char *rgb, unsigned char *out, int width, int height)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x < width && y < height) {
        int pixel = y * width + x;
        float light = (299 / 1000) * rgb[3 * pixel] + (587 / 1000) * rgb[3 * pixel + 1] + (114 / 1000) * rgb[3 * pixel + 2];
        out[pixel] = light + 0.5f;
    }
}
"""
