# expects: it loops in Python
def pairwise_distances(a: Tensor, b: Tensor) -> Tensor:
    result = torch.zeros(len(a), len(b), dtype=a.dtype)
    for i in range(len(a)):
        for j in range(len(b)):
            result[i, j] = ((a[i] - b[j]) ** 2).sum().sqrt()
    return result
