# expects: the weights of red and green
GREY = """
__global__ void grey(const unsigned char *rgb, unsigned char *out, int width, int height)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x < width && y < height) {
        const unsigned char *pixel = rgb + 3 * (y * width + x);
        out[y * width + x] = 0.587f * pixel[0] + 0.299f * pixel[1] + 0.114f * pixel[2] + 0.5f;
    }
}
"""
