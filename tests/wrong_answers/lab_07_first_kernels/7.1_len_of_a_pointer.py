# expects: A pointer has no length
SAXPY = """
__global__ void saxpy(int n, float a, const float *x, float *y)
{
    int stride = gridDim.x * blockDim.x;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < len(x); i += stride)
        y[i] = a * x[i] + y[i];
}
"""
