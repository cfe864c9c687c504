# expects: what stands behind the point is lost
SAXPY = """
__global__ void saxpy(int n, float a, const float *x, float *y)
{
    int stride = gridDim.x * blockDim.x;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += stride) {
        int sum = a * x[i] + y[i];
        y[i] = sum;
    }
}
"""
