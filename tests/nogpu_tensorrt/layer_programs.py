"""One small network per layer of the layer API, with what PyTorch makes of the same numbers.

`test_layers` runs each on the stand-in and compares with PyTorch, and has NVIDIA's RTX builder make the same network
to compare names, types and shapes. `trt` is whichever module is under test.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

TYPES = {"float32": "FLOAT", "int32": "INT32", "bool": "BOOL"}
RNG = np.random.default_rng(7)


def numbers(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


@dataclass(frozen=True)
class Program:
    """A layer: what is added to the network for the inputs, and the same in PyTorch."""

    build: Callable[..., Any]  # (trt, network, *input tensors) -> layer
    reference: Callable[..., Any] | None  # (*torch tensors) -> tensor or tensors; None: a test of its own computes it
    inputs: tuple[np.ndarray, ...] = field(default_factory=lambda: (numbers(2, 3, 8, 8),))
    tolerance: float = 1e-5


PROGRAMS: dict[str, Program] = {}
KERNEL, BIAS, UP = numbers(4, 3, 3, 3), numbers(4), numbers(3, 5, 2, 2)
CHANNEL = numbers(3)
MATRIX = numbers(8, 6)
IMAGE = numbers(2, 3, 8, 8)
GRID = np.clip(numbers(2, 4, 5, 2), -1.2, 1.2)


def program(reference: Callable[..., Any] | None, *inputs: np.ndarray, tolerance: float = 1e-5) -> Callable[..., Any]:
    def keep(build: Callable[..., Any]) -> Callable[..., Any]:
        given = (inputs,) if inputs else ()
        PROGRAMS[build.__name__] = Program(build, reference, *given, tolerance=tolerance)
        return build

    return keep


def constant(trt: Any, network: Any, array: Any) -> Any:
    array = np.ascontiguousarray(array) if np.ndim(array) else np.array(array)
    return network.add_constant(array.shape, trt.Weights(array)).get_output(0)


def T(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array)


@program(lambda x: F.conv2d(x, T(KERNEL), T(BIAS), stride=2, padding=1), tolerance=1e-4)
def convolution(trt: Any, network: Any, x: Any) -> Any:
    layer = network.add_convolution_nd(x, 4, (3, 3), KERNEL, BIAS)
    layer.stride_nd, layer.padding_nd = (2, 2), (1, 1)
    return layer


@program(lambda x: F.conv2d(x, T(KERNEL[:3, :1]), padding=2, dilation=2, groups=3), tolerance=1e-4)
def depthwise_convolution(trt: Any, network: Any, x: Any) -> Any:
    layer = network.add_convolution_nd(x, 3, trt.DimsHW(3, 3), trt.Weights(np.ascontiguousarray(KERNEL[:3, :1])))
    layer.num_groups, layer.dilation_nd, layer.padding_nd = 3, (2, 2), (2, 2)
    return layer


def _same_upper(x: torch.Tensor, window: int, stride: int, dilation: int) -> torch.Tensor:
    """Pad the last two dimensions so that size / stride, rounded up, comes out."""
    pads: list[int] = []
    for size in reversed(x.shape[2:]):
        total = max((-(-size // stride) - 1) * stride + dilation * (window - 1) + 1 - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads)


@program(lambda x: F.conv2d(_same_upper(x, 3, 2, 2), T(KERNEL), stride=2, dilation=2), tolerance=1e-4)
def convolution_with_dilation_and_same_padding(trt: Any, network: Any, x: Any) -> Any:
    layer = network.add_convolution_nd(x, 4, (3, 3), KERNEL)
    layer.stride_nd, layer.dilation_nd, layer.padding_mode = (2, 2), (2, 2), trt.PaddingMode.SAME_UPPER
    return layer


@program(lambda x: F.conv2d(x[0], T(KERNEL), T(BIAS))[None], IMAGE[None], tolerance=1e-4)
def convolution_with_two_dimensions_of_batch(trt: Any, network: Any, x: Any) -> Any:
    return network.add_convolution_nd(x, 4, (3, 3), KERNEL, BIAS)


@program(lambda x: F.max_pool2d(x.flatten(0, 1), 2, 1).unflatten(0, (2, 2)), numbers(2, 2, 3, 4, 5))
def max_pooling_with_two_dimensions_of_batch(trt: Any, network: Any, x: Any) -> Any:
    return network.add_pooling_nd(x, trt.PoolingType.MAX, (2, 2))


@program(lambda x: F.conv_transpose2d(x, T(UP), stride=2), tolerance=1e-4)
def deconvolution(trt: Any, network: Any, x: Any) -> Any:
    layer = network.add_deconvolution_nd(x, 5, (2, 2), UP)
    layer.stride_nd = (2, 2)
    return layer


@program(lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True))
def max_pooling_rounding_up(trt: Any, network: Any, x: Any) -> Any:
    layer = network.add_pooling_nd(x, trt.PoolingType.MAX, (3, 3))
    layer.stride_nd, layer.padding_mode = (2, 2), trt.PaddingMode.EXPLICIT_ROUND_UP
    return layer


@program(lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False))
def average_pooling(trt: Any, network: Any, x: Any) -> Any:
    layer = network.add_pooling_nd(x, trt.PoolingType.AVERAGE, (3, 3))
    layer.stride_nd, layer.padding_nd = (2, 2), (1, 1)
    return layer


@program(lambda x: F.pad(x, (2, 4, 1, 3)))
def padding(trt: Any, network: Any, x: Any) -> Any:
    return network.add_padding_nd(x, (1, 2), (3, 4))


ACTIVATIONS: dict[str, tuple[float, float, Callable[[torch.Tensor], torch.Tensor]]] = {
    "RELU": (0, 0, torch.relu),
    "SIGMOID": (0, 0, torch.sigmoid),
    "TANH": (0, 0, torch.tanh),
    "LEAKY_RELU": (0.2, 0, lambda x: F.leaky_relu(x, 0.2)),
    "ELU": (1.5, 0, lambda x: F.elu(x, 1.5)),
    "SELU": (1.6732632, 1.050701, F.selu),
    "SOFTSIGN": (0, 0, F.softsign),
    "SOFTPLUS": (2.0, 0.5, lambda x: 2 * torch.log1p(torch.exp(0.5 * x))),
    "CLIP": (-0.5, 0.75, lambda x: x.clamp(-0.5, 0.75)),
    "HARD_SIGMOID": (0.2, 0.5, lambda x: (0.2 * x + 0.5).clamp(0, 1)),
    "SCALED_TANH": (1.7, 0.6, lambda x: 1.7 * torch.tanh(0.6 * x)),
    "THRESHOLDED_RELU": (0.3, 0, lambda x: torch.where(x > 0.3, x, 0)),
    "GELU_ERF": (0, 0, F.gelu),
    "GELU_TANH": (0, 0, lambda x: F.gelu(x, approximate="tanh")),
}


def _activation(name: str, alpha: float, beta: float) -> Callable[..., Any]:
    def build(trt: Any, network: Any, x: Any) -> Any:
        layer = network.add_activation(x, getattr(trt.ActivationType, name))
        layer.alpha, layer.beta = alpha, beta
        return layer

    return build


for _name, (_alpha, _beta, _function) in ACTIVATIONS.items():
    PROGRAMS[f"activation_{_name}"] = Program(_activation(_name, _alpha, _beta), _function)


def _elementwise(name: str) -> Callable[..., Any]:
    return lambda trt, network, x, y: network.add_elementwise(x, y, getattr(trt.ElementWiseOperation, name))


ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "SUM": torch.add, "PROD": torch.mul, "MAX": torch.maximum, "MIN": torch.minimum, "SUB": torch.sub, "DIV": torch.div,
    "POW": torch.pow, "FLOOR_DIV": lambda x, y: torch.floor(x / y), "EQUAL": torch.eq, "GREATER": torch.gt,
    "LESS": torch.lt,
}  # fmt: skip
_PAIR = (np.abs(numbers(2, 3, 4)) + 0.5, np.abs(numbers(1, 3, 4)) + 0.5)
for _name, _function in ELEMENTWISE.items():
    PROGRAMS[f"elementwise_{_name}"] = Program(_elementwise(_name), _function, _PAIR)
_BITS = (RNG.random((2, 3)) > 0.5, RNG.random((2, 3)) > 0.5)
for _name, _function in {"AND": torch.logical_and, "OR": torch.logical_or, "XOR": torch.logical_xor}.items():
    PROGRAMS[f"elementwise_{_name}"] = Program(_elementwise(_name), _function, _BITS)
_WHOLE = (np.array([[7, -7, 7, -7, 6]], np.int32), np.array([[2, 2, -2, -2, 3]], np.int32))
PROGRAMS["elementwise_FLOOR_DIV_of_integers"] = Program(
    _elementwise("FLOOR_DIV"), lambda x, y: torch.div(x, y, rounding_mode="floor"), _WHOLE
)


def _unary(name: str) -> Callable[..., Any]:
    return lambda trt, network, x: network.add_unary(x, getattr(trt.UnaryOperation, name))


UNARY: dict[str, Callable[..., Any]] = {
    "EXP": torch.exp, "LOG": torch.log, "SQRT": torch.sqrt, "RECIP": torch.reciprocal, "ABS": torch.abs,
    "NEG": torch.neg, "SIN": torch.sin, "COS": torch.cos, "TAN": torch.tan, "SINH": torch.sinh, "COSH": torch.cosh,
    "ASIN": torch.asin, "ACOS": torch.acos, "ATAN": torch.atan, "ASINH": torch.asinh, "ATANH": torch.atanh,
    "CEIL": torch.ceil, "FLOOR": torch.floor, "ERF": torch.erf, "SIGN": torch.sign, "ROUND": torch.round,
    "ISNAN": torch.isnan, "ISINF": torch.isinf,
}  # fmt: skip
_SMALL = (RNG.uniform(0.1, 0.9, (3, 4)).astype(np.float32),)
for _name, _function in UNARY.items():
    PROGRAMS[f"unary_{_name}"] = Program(_unary(_name), _function, _SMALL)
PROGRAMS["unary_ACOSH"] = Program(_unary("ACOSH"), torch.acosh, (_SMALL[0] + 1,))
PROGRAMS["unary_NOT"] = Program(_unary("NOT"), torch.logical_not, _BITS[:1])


@program(lambda x: x * 2 + 0.5)
def scale_uniform(trt: Any, network: Any, x: Any) -> Any:
    one = [np.array([value], np.float32) for value in (0.5, 2, 1)]
    return network.add_scale(x, trt.ScaleMode.UNIFORM, *one)


@program(lambda x: x * T(CHANNEL).reshape(3, 1, 1) + 1)
def scale_channel(trt: Any, network: Any, x: Any) -> Any:
    return network.add_scale(x, trt.ScaleMode.CHANNEL, np.ones(3, np.float32), CHANNEL)


@program(lambda x: F.prelu(x, T(CHANNEL)))
def parametric_relu(trt: Any, network: Any, x: Any) -> Any:
    return network.add_parametric_relu(x, constant(trt, network, CHANNEL.reshape(1, 3, 1, 1)))


@program(lambda x: x.to(torch.int32))
def cast(trt: Any, network: Any, x: Any) -> Any:
    return network.add_cast(x, trt.int32)


@program(lambda x, y: torch.where(x < y, x, y), numbers(2, 3), numbers(2, 3))
def select(trt: Any, network: Any, x: Any, y: Any) -> Any:
    less = network.add_elementwise(x, y, trt.ElementWiseOperation.LESS).get_output(0)
    return network.add_select(less, x, y)


@program(lambda x: x.permute(0, 2, 3, 1).reshape(2, -1).permute(1, 0))
def shuffle(trt: Any, network: Any, x: Any) -> Any:
    layer = network.add_shuffle(x)
    layer.first_transpose, layer.reshape_dims = trt.Permutation([0, 2, 3, 1]), (0, -1)
    layer.second_transpose = (1, 0)
    return layer


@program(lambda x: x.flip(2)[:, 1:3, 1:6:2, 1:6:2])
def slice_with_strides(trt: Any, network: Any, x: Any) -> Any:
    return network.add_slice(x, (0, 1, 6, 1), (2, 2, 3, 3), (1, 1, -2, 2))


@program(lambda x: torch.cat([x[..., :], x[..., :2]], dim=-1))
def slice_wrapping(trt: Any, network: Any, x: Any) -> Any:
    layer = network.add_slice(x, (0, 0, 0, 0), (2, 3, 8, 10), (1, 1, 1, 1))
    layer.mode = trt.SampleMode.WRAP
    return layer


@program(lambda x: F.pad(x, (2, 1, 0, 0), mode="reflect"))
def slice_reflecting(trt: Any, network: Any, x: Any) -> Any:
    layer = network.add_slice(x, (0, 0, 0, -2), (2, 3, 8, 11), (1, 1, 1, 1))
    layer.mode = trt.SampleMode.REFLECT
    return layer


@program(lambda x: x[:, [2, 0]])
def gather(trt: Any, network: Any, x: Any) -> Any:
    return network.add_gather(x, constant(trt, network, np.array([2, 0], np.int32)), 1)


@program(lambda x: x[[1, 0], [2, 1]])
def gather_nd(trt: Any, network: Any, x: Any) -> Any:
    return network.add_gather_v2(x, constant(trt, network, np.array([[1, 2], [0, 1]], np.int32)), trt.GatherMode.ND)


@program(lambda x: torch.gather(x, 1, torch.tensor([[0, 2], [1, 1]])), numbers(2, 3))
def gather_elements(trt: Any, network: Any, x: Any) -> Any:
    indices = constant(trt, network, np.array([[0, 2], [1, 1]], np.int32))
    layer = network.add_gather_v2(x, indices, trt.GatherMode.ELEMENT)
    layer.axis = 1
    return layer


@program(lambda x: torch.scatter(x, 1, torch.tensor([[0, 2], [1, 0]]), torch.ones(2, 2)), numbers(2, 3))
def scatter_elements(trt: Any, network: Any, x: Any) -> Any:
    indices = constant(trt, network, np.array([[0, 2], [1, 0]], np.int32))
    ones = constant(trt, network, np.ones((2, 2), np.float32))
    layer = network.add_scatter(x, indices, ones, trt.ScatterMode.ELEMENT)
    layer.axis = 1
    return layer


@program(lambda x: torch.cat([x, x * 2], 1))
def concatenation(trt: Any, network: Any, x: Any) -> Any:
    twice = network.add_elementwise(x, x, trt.ElementWiseOperation.SUM).get_output(0)
    return network.add_concatenation([x, twice])


@program(lambda x: torch.tensor(x.shape))
def shape(trt: Any, network: Any, x: Any) -> Any:
    return network.add_shape(x)


@program(lambda x: F.interpolate(x, scale_factor=2, mode="nearest"))
def resize_nearest(trt: Any, network: Any, x: Any) -> Any:
    layer = network.add_resize(x)
    layer.scales = [1, 1, 2, 2]
    return layer


@program(lambda x: F.interpolate(x, (13, 5), mode="bilinear", align_corners=False), tolerance=1e-4)
def resize_linear(trt: Any, network: Any, x: Any) -> Any:
    layer = network.add_resize(x)
    layer.resize_mode, layer.shape = trt.InterpolationMode.LINEAR, (2, 3, 13, 5)
    layer.coordinate_transformation = trt.ResizeCoordinateTransformation.HALF_PIXEL
    return layer


@program(lambda x: x @ T(MATRIX.reshape(1, 1, 8, 6)), tolerance=1e-4)
def matrix_multiply(trt: Any, network: Any, x: Any) -> Any:
    other = constant(trt, network, MATRIX.T.reshape(1, 1, 6, 8))
    return network.add_matrix_multiply(x, trt.MatrixOperation.NONE, other, trt.MatrixOperation.TRANSPOSE)


@program(lambda x, y: (x @ y.unsqueeze(-1)).squeeze(-1), numbers(2, 3, 4), numbers(2, 4), tolerance=1e-4)
def matrix_times_vector(trt: Any, network: Any, x: Any, y: Any) -> Any:
    return network.add_matrix_multiply(x, trt.MatrixOperation.NONE, y, trt.MatrixOperation.VECTOR)


def _reduce(name: str) -> Callable[..., Any]:
    return lambda trt, network, x: network.add_reduce(x, getattr(trt.ReduceOperation, name), 1 << 1 | 1 << 3, False)


REDUCE: dict[str, Callable[..., Any]] = {
    "SUM": lambda x: x.sum((1, 3)), "MAX": lambda x: x.amax((1, 3)), "MIN": lambda x: x.amin((1, 3)),
    "AVG": lambda x: x.mean((1, 3)), "PROD": lambda x: x.prod(3).prod(1),
}  # fmt: skip
for _name, _function in REDUCE.items():
    PROGRAMS[f"reduce_{_name}"] = Program(_reduce(_name), _function, tolerance=1e-4)


@program(lambda x: torch.softmax(x, 1))
def softmax_along_the_channel(trt: Any, network: Any, x: Any) -> Any:
    return network.add_softmax(x)


@program(lambda x: torch.softmax(x, 3))
def softmax_along_the_last(trt: Any, network: Any, x: Any) -> Any:
    layer = network.add_softmax(x)
    layer.axes = 1 << 3
    return layer


@program(lambda x: tuple(torch.topk(x, 3, dim=2)))
def topk(trt: Any, network: Any, x: Any) -> Any:
    return network.add_topk(x, trt.TopKOperation.MAX, 3, 1 << 2)


@program(lambda x: F.instance_norm(x) * T(CHANNEL).reshape(3, 1, 1) + 1, tolerance=1e-4)
def normalization_per_channel(trt: Any, network: Any, x: Any) -> Any:
    scale = constant(trt, network, CHANNEL.reshape(1, 3, 1, 1))
    bias = constant(trt, network, np.ones((1, 3, 1, 1), np.float32))
    return network.add_normalization(x, scale, bias, 1 << 2 | 1 << 3)


@program(lambda x: torch.einsum("abcd,abed->abce", x, x), tolerance=1e-4)
def einsum(trt: Any, network: Any, x: Any) -> Any:
    return network.add_einsum([x, x], "abcd,abed->abce")


@program(lambda x: torch.cumsum(x, 1))
def cumulative(trt: Any, network: Any, x: Any) -> Any:
    axis = constant(trt, network, np.array(1, np.int32))
    return network.add_cumulative(x, axis, trt.CumulativeOperation.SUM, False, False)


@program(lambda x: torch.fake_quantize_per_tensor_affine(x, 0.05, 0, -128, 127), tolerance=1e-6)
def quantize_and_dequantize(trt: Any, network: Any, x: Any) -> Any:
    scale = constant(trt, network, np.array(0.05, np.float32))
    quantized = network.add_quantize(x, scale, trt.int8).get_output(0)
    return network.add_dequantize(quantized, scale, trt.float32)


@program(lambda x: F.grid_sample(x, T(GRID), align_corners=False), IMAGE, tolerance=1e-4)
def grid_sample(trt: Any, network: Any, x: Any) -> Any:
    return network.add_grid_sample(x, constant(trt, network, GRID))


@program(lambda x: F.one_hot(x.long(), 5).float(), np.array([3, 0, 4], np.int32))
def one_hot(trt: Any, network: Any, x: Any) -> Any:
    values = constant(trt, network, np.array([0, 1], np.float32))
    return network.add_one_hot(x, values, constant(trt, network, np.array(5, np.int32)), -1)


@program(lambda x: torch.unsqueeze(x, 1))
def unsqueeze(trt: Any, network: Any, x: Any) -> Any:
    return network.add_unsqueeze(x, constant(trt, network, np.array([1], np.int64)))


@program(lambda x: x.squeeze(1), numbers(2, 1, 4))
def squeeze(trt: Any, network: Any, x: Any) -> Any:
    return network.add_squeeze(x, constant(trt, network, np.array([1], np.int64)))


@program(lambda x: x.squeeze(1)[:, None], numbers(2, 1, 4))
def squeeze_and_unsqueeze_by_32_bit_axes(trt: Any, network: Any, x: Any) -> Any:
    axes = constant(trt, network, np.array([1], np.int32))
    return network.add_unsqueeze(network.add_squeeze(x, axes).get_output(0), axes)


@program(lambda x: x + torch.arange(8) * 0.5, IMAGE)
def fill_with_a_sequence(trt: Any, network: Any, x: Any) -> Any:
    layer = network.add_fill((1, 1, 1, 8), trt.FillOperation.LINSPACE)
    layer.alpha, layer.beta = 0.0, 0.5
    return network.add_elementwise(x, layer.get_output(0), trt.ElementWiseOperation.SUM)


@program(lambda a, b: a + b[0] * torch.arange(3)[:, None] + b[1] * torch.arange(4), numbers(), numbers(2))
def fill_with_steps_from_inputs(trt: Any, network: Any, start: Any, steps: Any) -> Any:
    layer = network.add_fill((3, 4), trt.FillOperation.LINSPACE)
    layer.set_input(1, start)
    layer.set_input(2, steps)
    return layer


@program(
    lambda x, i: torch.stack([torch.stack([x[n, :, k] for k in row], 1) for n, row in enumerate(i)]),
    numbers(2, 3, 4, 5), np.array([[3, 0], [1, 1]], np.int32),
)  # fmt: skip
def gather_with_a_leading_dimension(trt: Any, network: Any, x: Any, indices: Any) -> Any:
    layer = network.add_gather(x, indices, 2)
    layer.num_elementwise_dims = 1
    return layer


@program(None, numbers(1, 6, 4), numbers(1, 6, 2))
def non_maximum_suppression(trt: Any, network: Any, boxes: Any, scores: Any) -> Any:
    layer = network.add_nms(boxes, scores, constant(trt, network, np.array(3, np.int32)))
    assert (layer.topk_box_limit, layer.bounding_box_format) == (5000, trt.BoundingBoxFormat.CORNER_PAIRS)
    return layer


def build(trt: Any, program: Program) -> tuple[Any, Any, Any]:
    """Return the builder, the network and the layer of a program, with all of the layer's outputs marked."""
    builder = trt.Builder(trt.Logger(trt.Logger.ERROR))
    network = builder.create_network(0)
    inputs = [
        network.add_input(f"x{i}", getattr(trt.DataType, TYPES[array.dtype.name]), array.shape)
        for i, array in enumerate(program.inputs)
    ]
    layer = program.build(trt, network, *inputs)
    for index in range(layer.num_outputs):
        network.mark_output(layer.get_output(index))
    return builder, network, layer


def facts(trt: Any, program: Program) -> list[Any]:
    """Return what a module says of a program's layer, as plain data."""
    _, network, layer = build(trt, program)
    outputs = [layer.get_output(i) for i in range(layer.num_outputs)]
    tensors = [[tensor.name, tensor.dtype.name, list(tensor.shape)] for tensor in outputs]
    return [layer.name, layer.type.name, layer.num_inputs, network.num_layers, tensors]


if __name__ == "__main__":  # asked by test_layers: a process that has loaded NVIDIA's libraries is not for other tests
    import tensorrt_rtx

    print(json.dumps({name: facts(tensorrt_rtx, program) for name, program in PROGRAMS.items()}))
