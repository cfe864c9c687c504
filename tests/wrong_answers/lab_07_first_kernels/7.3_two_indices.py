# expects: A pointer takes one index
GREY = """
__global__ void grey(const unsigned char *rgb, unsigned char *out, int width, int height)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x < width && y < height) {
        out[y][x] = 0.299f * rgb[y][x][0] + 0.587f * rgb[y][x][1] + 0.114f * rgb[y][x][2] + 0.5f;
    }
}
"""
