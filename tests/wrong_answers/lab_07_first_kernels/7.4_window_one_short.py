# expects: the window lacks its last row and column
BLUR = """
__global__ void blur(const float *image, float *out, int width, int height, int radius)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x < width && y < height) {
        float sum = 0;
        int count = 0;
        for (int row = y - radius; row < y + radius; row++)
            for (int column = x - radius; column < x + radius; column++)
                if (row >= 0 && row < height && column >= 0 && column < width) {
                    sum += image[row * width + column];
                    count++;
                }
        out[y * width + x] = sum / count;
    }
}
"""
