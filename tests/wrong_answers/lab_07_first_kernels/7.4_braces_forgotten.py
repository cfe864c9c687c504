# expects: Without them it covers one statement
BLUR = """
__global__ void blur(const float *image, float *out, int width, int height, int radius)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x < width && y < height) {
        float sum = 0;
        int count = 0;
        for (int j = y - radius; j <= y + radius; j++)
            for (int i = x - radius; i <= x + radius; i++)
                if (i >= 0 && i < width && j >= 0 && j < height)
                    sum += image[j * width + i];
                    count++;
        out[y * width + x] = sum / count;
    }
}
"""
