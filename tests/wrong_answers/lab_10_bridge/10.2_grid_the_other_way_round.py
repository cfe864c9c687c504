# expects: outputs in x, rows in y
def run_on_tensors(source: str, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Launch the kernel `linear_relu` of the CUDA C text `source` on tensors and return its output."""
    (rows, inputs), outputs = x.shape, weight.shape[0]
    if weight.shape != (outputs, inputs) or bias.shape != (outputs,):
        raise ValueError(f"shapes do not fit: {tuple(x.shape)}, {tuple(weight.shape)}, {tuple(bias.shape)}")
    if not x.dtype == weight.dtype == bias.dtype == torch.float32:
        raise ValueError("the kernel takes float32 tensors")
    out = torch.empty(rows, outputs, device=x.device)
    if out.numel() == 0:
        return out
    tensors = [tensor.detach().contiguous() for tensor in (x, weight, bias)]
    if x.is_cuda:
        arguments = [out, *tensors]
    else:
        arguments = [cuda.Out(out.numpy()), *(cuda.In(tensor.numpy()) for tensor in tensors)]
    kernel = SourceModule(source).get_function("linear_relu")
    grid = (-(-rows // 16), -(-outputs // 16))
    kernel(*arguments, np.int32(rows), np.int32(inputs), np.int32(outputs), block=(16, 16, 1), grid=grid)
    return out
