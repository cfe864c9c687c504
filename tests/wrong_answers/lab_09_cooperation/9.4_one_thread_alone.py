# expects: share the additions
SCAN = """
__global__ void scan(int* x, int n) {
  if (threadIdx.x == 0)
    for (int i = 1; i < n; i++) x[i] += x[i - 1];
}
"""
