# expects: stand in parentheses
SAXPY = """
__global__ void saxpy(int n, float a, const float *x, float *y)
{
    int stride = gridDim.x * blockDim.x;
    for i in range(blockIdx.x * blockDim.x + threadIdx.x, n, stride):
        y[i] = a * x[i] + y[i];
}
"""
