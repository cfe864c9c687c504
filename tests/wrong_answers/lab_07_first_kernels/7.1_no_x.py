# expects: have parts: .x, .y and .z
SAXPY = """
__global__ void saxpy(int n, float a, const float *x, float *y)
{
    int stride = gridDim * blockDim;
    for (int i = blockIdx * blockDim + threadIdx; i < n; i += stride)
        y[i] = a * x[i] + y[i];
}
"""
