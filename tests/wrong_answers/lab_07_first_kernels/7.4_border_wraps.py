# expects: pixels of the neighbouring row are mixed in
BLUR = """
__global__ void blur(const float *image, float *out, int width, int height, int radius)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x < width && y < height) {
        float sum = 0;
        int count = 0;
        for (int row = y - radius; row <= y + radius; row++)
            for (int column = x - radius; column <= x + radius; column++)
                if (row * width + column >= 0 && row * width + column < width * height) {
                    sum += image[row * width + column];
                    count++;
                }
        out[y * width + x] = sum / count;
    }
}
"""
