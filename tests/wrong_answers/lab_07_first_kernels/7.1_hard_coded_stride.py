# expects: have changed
SAXPY = """
__global__ void saxpy(int n, float a, const float *x, float *y)
{
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += 4096)
        y[i] = a * x[i] + y[i];
}
"""
