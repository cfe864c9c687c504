# expects: nobody knows who comes
REVERSE = """
__global__ void reverse(const float *x, float *out, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        out[n - 1 - i] = x[i];
}
"""
DIFFERENCE = """
__global__ void difference(const float *x, float *out, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        out[i] = x[i];
    __syncthreads();
    if (i > 0 && i < n)
        out[i] = out[i] - out[i - 1];
}
"""
