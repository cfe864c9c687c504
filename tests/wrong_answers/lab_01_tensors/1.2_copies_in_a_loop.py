# expects: show a copy of the images
def sliding_windows(images: Tensor, size: int) -> Tensor:
    n, h, w = images.shape
    rows = []
    for i in range(h - size + 1):
        columns = [images[:, i : i + size, j : j + size] for j in range(w - size + 1)]
        rows.append(torch.stack(columns, dim=1))
    return torch.stack(rows, dim=1)
