# expects: 3 tensors are kept
class Swish(torch.autograd.Function):
    """x · sigmoid(x), with its gradient written by hand."""

    @staticmethod
    def forward(ctx, x):
        s = torch.sigmoid(x)
        ctx.save_for_backward(x, s, x * s)
        return x * s

    @staticmethod
    def backward(ctx, gradient):
        x, s, result = ctx.saved_tensors
        return gradient * (s + x * s * (1 - s))
