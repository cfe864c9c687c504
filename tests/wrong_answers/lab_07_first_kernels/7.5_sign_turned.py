# expects: all signs are turned
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
    if (i < n) {
        out[i] = -x[i];
        if (i > 0)
            out[i] = x[i - 1] - x[i];
    }
}
"""
