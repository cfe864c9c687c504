# expects: is given as `setup_context=`
def as_operator(name: str, forward):
    """Return a PyTorch operator `name` that computes relu(x @ weight.T + bias) by `forward`, with gradients."""
    @torch.library.custom_op(name, mutates_args=())
    def operator(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return forward(x, weight, bias)

    @operator.register_fake
    def _(x, weight, bias):
        return x.new_empty(x.shape[0], weight.shape[0])

    def backward(ctx, g):
        x, weight, out = ctx.saved_tensors
        g = torch.where(out > 0, g, 0)
        return g @ weight, g.T @ x, g.sum(0)

    operator.register_autograd(backward)
    return operator
