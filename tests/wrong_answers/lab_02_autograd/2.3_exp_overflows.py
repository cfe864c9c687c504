# expects: is nan at x = 100
class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        e = torch.exp(x)
        return gradient * e * (1 + e + x) / (1 + e) ** 2
