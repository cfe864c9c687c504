# expects: the square root of running_var
class KernelConvolution(nn.Module):
    """A 3 × 3 convolution with BatchNorm and ReLU, computed by `linear_relu`."""

    def __init__(self, convolution: nn.Conv2d, norm: nn.BatchNorm2d, linear_relu) -> None:
        super().__init__()
        factor = norm.weight / (norm.running_var + norm.eps)
        self.weight = (convolution.weight * factor[:, None, None, None]).flatten(1).detach()
        self.bias = (norm.bias - norm.running_mean * factor).detach()
        self.linear_relu = linear_relu

    def forward(self, images: Tensor) -> Tensor:
        """(n, channels, h, w) -> (n, filters, h, w)"""
        n, _, height, width = images.shape
        windows = F.unfold(images, 3, padding=1)  # (n, channels · 9, h · w)
        matrix = windows.transpose(1, 2).flatten(0, 1)  # a row for each pixel
        pixels = self.linear_relu(matrix, self.weight, self.bias)
        return pixels.reshape(n, height, width, -1).permute(0, 3, 1, 2)


def swap(model: nn.Module, linear_relu) -> nn.Module:
    """Return a DigitNet that computes both convolutions by `linear_relu`."""
    swapped = copy.deepcopy(model)
    old = model.features
    swapped.features = nn.Sequential(
        KernelConvolution(old[0], old[1], linear_relu), KernelConvolution(old[3], old[4], linear_relu), old[6]
    )
    return swapped
