# expects: taken from three places far apart
GREY = """
__global__ void grey(const unsigned char *rgb, unsigned char *out, int width, int height)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x < width && y < height) {
        int pixel = y * width + x;
        int n = width * height;
        float light = 0.299f * rgb[pixel] + 0.587f * rgb[n + pixel] + 0.114f * rgb[2 * n + pixel];
        out[pixel] = light + 0.5f;
    }
}
"""
