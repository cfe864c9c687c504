# expects: The bias came in once for each tile
@triton.jit
def linear_relu_triton(out, x, weight, bias, rows, inputs, outputs, BLOCK: tl.constexpr):
    r = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)[:, None]
    o = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)[None, :]
    total = tl.zeros((BLOCK, BLOCK), tl.float32)
    for start in range(0, inputs, BLOCK):
        kx = start + tl.arange(0, BLOCK)[None, :]
        kw = start + tl.arange(0, BLOCK)[:, None]
        x_tile = tl.load(x + r * inputs + kx, mask=(r < rows) & (kx < inputs), other=0.0)
        weight_tile = tl.load(weight + o * inputs + kw, mask=(o < outputs) & (kw < inputs), other=0.0)
        total += tl.dot(x_tile, weight_tile, input_precision="ieee")
        total += tl.load(bias + o, mask=o < outputs, other=0.0)
    tl.store(out + r * outputs + o, tl.maximum(total, 0.0), mask=(r < rows) & (o < outputs))
