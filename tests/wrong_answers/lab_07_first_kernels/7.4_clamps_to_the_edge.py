# expects: the last pixel is counted several times
BLUR = """
__global__ void blur(const float *image, float *out, int width, int height, int radius)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x < width && y < height) {
        float sum = 0;
        int count = 0;
        for (int row = y - radius; row <= y + radius; row++)
            for (int column = x - radius; column <= x + radius; column++) {
                int r = row < 0 ? 0 : row >= height ? height - 1 : row;
                int c = column < 0 ? 0 : column >= width ? width - 1 : column;
                sum += image[r * width + c];
                count++;
            }
        out[y * width + x] = sum / count;
    }
}
"""
