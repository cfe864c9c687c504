# expects: pixel i is made of the bytes i, i + 1 and i + 2
GREY = """
__global__ void grey(const unsigned char *rgb, unsigned char *out, int width, int height)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x < width && y < height) {
        int pixel = y * width + x;
        float light = 0.299f * rgb[pixel] + 0.587f * rgb[pixel + 1] + 0.114f * rgb[pixel + 2];
        out[pixel] = light + 0.5f;
    }
}
"""
