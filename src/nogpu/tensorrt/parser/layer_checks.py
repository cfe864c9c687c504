"""What NVIDIA's parser refuses once it knows the types, shapes and constants that a node is given.

One function per kind of layer, in NVIDIA's words where the words were seen (TensorRT-RTX 1.7.1). What is not here and
still contradictory is caught by ONNX's own inference, in ONNX's words. Called by `importing`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir

from nogpu.tensorrt.parser.operators import REDUCTIONS, invalid_node, node_name
from nogpu.tensorrt.parser.problems import refuse, unless
from nogpu.tensorrt.parser.shape_values import ShapeValues, Size
from nogpu.tensorrt.parser.static_checks import attribute
from nogpu.tensorrt.parser.structure import MAXIMUM_RANK

DataType = ir.DataType


@dataclass(frozen=True)
class Layer:
    """A node with everything known about its inputs; missing optional inputs are None."""

    node: ir.Node
    kinds: list[DataType | None]
    shapes: list[list[Size] | None]
    values: ShapeValues

    @property
    def name(self) -> str:
        return node_name(self.node)

    def has(self, index: int) -> bool:
        """Say whether the optional input is there."""
        return index < len(self.node.inputs) and self.node.inputs[index] is not None

    def shape(self, index: int) -> list[Size]:
        """Return an input's shape; [] when it has none that is known."""
        return (self.shapes[index] if self.has(index) else None) or []

    def numbers(self, index: int) -> list[Any] | None:
        """Return an input's elements where they are known at build time."""
        return self.values.numbers(self.node.inputs[index]) if self.has(index) else None

    def weights(self, index: int) -> ir.TensorProtocol | None:
        """Return an input's tensor where it is a constant of any size."""
        value = self.node.inputs[index] if self.has(index) else None
        return None if value is None else value.const_value

    def attribute(self, name: str, default: Any = None) -> Any:
        return attribute(self.node, name, default)


def check(layer: Layer) -> None:
    """Refuse the node if its layer could not be added to a network."""
    operator = layer.node.op_type
    if not layer.node.outputs or len(layer.node.inputs) < LEAST_INPUTS.get(operator, 0):
        raise refuse("INVALID_NODE", "parseNode", f"Invalid Node - {layer.name}")
    if any(not layer.has(index) for index in range(LEAST_INPUTS.get(operator, 0))):
        raise refuse("INVALID_NODE", "parseNode", f"Invalid Node - {layer.name}")
    if operator in AXIS:
        _axis(layer, layer.attribute("axis", AXIS[operator]))
    for index in SHAPE_TENSORS.get(operator, ()):
        _short(layer, index)
    if operator in CHECKS:
        CHECKS[operator](layer)


def _short(layer: Layer, index: int) -> None:
    """Refuse a shape tensor that is longer than any shape can be."""
    shape = layer.shape(index)
    if len(shape) > 1 or any(isinstance(size, int) and size > 2 * MAXIMUM_RANK for size in shape):
        raise invalid_node(layer.name, f"{layer.name}: a shape tensor of shape {_written(shape)} is too large")


def _axis(layer: Layer, axis: Any) -> None:
    if axis is None:
        raise refuse("INVALID_NODE", "parseNode", f"Invalid Node - {layer.name}")
    rank = len(layer.shape(0))
    if layer.shapes[0] is not None:
        unless(
            isinstance(axis, int) and -rank <= axis <= rank,
            "UNSUPPORTED_NODE",
            "convertAxis",
            f"(axis >= 0 && axis <= nbDims): Axis must be in the range [0, nbDims ({rank})]. Provided axis is: {axis}",
        )


def _broadcast(layer: Layer) -> None:
    ranks = max((len(shape) for shape in layer.shapes if shape is not None), default=0)
    for place in range(1, ranks + 1):
        sizes = {shape[-place] for shape in layer.shapes if shape is not None and len(shape) >= place}
        if len([size for size in sizes if isinstance(size, int) and size != 1]) > 1:
            raise invalid_node(layer.name, "broadcast dimensions must be conformable", "Shape Error")


def _matrices(layer: Layer) -> None:
    left, right = list(layer.shape(0)), list(layer.shape(1))
    if layer.node.op_type == "Gemm":
        left = left[::-1] if layer.attribute("transA", 0) else left
        right = right[::-1] if layer.attribute("transB", 0) else right
    if not left or not right:
        return
    if layer.node.op_type == "MatMul" and len(left) == 1 and len(right) > 2:
        text = f"{MULTIPLE} Reshaping {_written(right)} to {_written(right[1:])}."
        raise invalid_node(layer.name, text, "Shape Error")
    a, b = left[-1], right[-2] if len(right) > 1 else right[0]
    if isinstance(a, int) and isinstance(b, int) and a != b:
        text = f"last dimension of input0 = {a} and second to last dimension of input1 = {b} but must match."
        raise invalid_node(layer.name, f"{layer.name}: {text}")


def _concatenate(layer: Layer) -> None:
    axis, first = layer.attribute("axis"), layer.shape(0)
    for index, shape in enumerate(layer.shapes):
        if shape is None or layer.shapes[0] is None:
            continue
        differ = len(shape) != len(first) or any(
            isinstance(a, int) and isinstance(b, int) and a != b and place != axis % len(first)
            for place, (a, b) in enumerate(zip(first, shape, strict=True))
        )
        if differ:
            text = (
                f"{layer.name}: all concat input tensors must have the same dimensions except on the "
                f"concatenation axis ({axis}), but dimensions mismatched at index {index}. "
                f"Input 0 shape: {_written(first)}, Input {index} shape: {_written(shape)}"
            )
            raise invalid_node(layer.name, text, "Internal Error")


def _written(shape: list[Size]) -> str:
    return "[" + ",".join(str(size) if isinstance(size, int) else "-1" for size in shape) + "]"


def _convolution(layer: Layer) -> None:
    data, kernel = layer.shape(0), layer.shape(1)
    if len(kernel) < 3 or not data:
        return
    transposed = layer.node.op_type == "ConvTranspose"
    group = layer.attribute("group", 1)
    function = f"import{layer.node.op_type}"
    outputs = kernel[1] if transposed else kernel[0]
    bias = layer.shape(2)
    if bias and isinstance(bias[0], int) and isinstance(outputs, int):
        unless(
            bias[0] == outputs * (group if transposed else 1),
            "INVALID_NODE",
            function,
            "(shapedBiasWeights.shape.d[0] == kernelWeights.shape.d[0]): The shape of the bias tensor misaligns "
            f"with the weight tensor. Shape of bias weights = {bias[0]}, shape of kernel weights = {outputs}.",
        )
    written = layer.attribute("kernel_shape")
    if written is not None:
        for size, actual in zip(reversed(written), reversed(kernel[2:]), strict=False):
            unless(
                size == actual or not isinstance(actual, int),
                "UNSUPPORTED_NODE",
                function,
                "(kernelSize.d[nbSpatialDims - i] == kernelWeights.shape.d[kernelWeights.shape.nbDims - i]): The size "
                "of spatial dimension and the size of kernel shape are not equal for the "
                f"{layer.node.op_type} operator. Size of spatial dimensions = {size}, size of kernel "
                f"dimensions = {actual}.",
            )
    channels = data[1] if len(data) > 1 else None
    if transposed and len(data) > 1 and not isinstance(channels, int):
        text = f"{layer.name}: IDeconvolutionLayer number of channels in `input` tensor must not be dynamic."
        raise invalid_node(layer.name, text)
    wanted = kernel[0] if transposed else kernel[1] * group if isinstance(kernel[1], int) else None
    unless(
        len(data) == len(kernel) and (channels == wanted or not isinstance(channels, int) or wanted is None),
        "INVALID_NODE",
        function,
        "(nchan == -1 || kernelWeights.shape.d[1] * ngroup == nchan): Kernel weight dimension failed to broadcast to "
        "input.",
    )


def _reshape(layer: Layer) -> None:
    wanted, data = layer.numbers(1), layer.shapes[0]
    if wanted is None or data is None:
        return
    text = f"Reshaping {_written(data)} to {_written(wanted)}."
    if wanted.count(-1) > 1:
        raise invalid_node(layer.name, f"reshape dimension with more than one -1 wildcard. {text}", "Shape Error")
    if not all(isinstance(size, int) for size in data):
        return
    keep = not layer.attribute("allowzero", 0)
    sizes = [data[i] if size == 0 and keep and i < len(data) else size for i, size in enumerate(wanted)]
    before, after = volume(data), volume([size for size in sizes if size != -1])
    if -1 in sizes and after and before % after == 0:
        return
    if -1 in sizes or before != after:
        raise invalid_node(layer.name, f"reshape changes volume. {text}", "Shape Error")


def volume(shape: list[Size]) -> int:
    result = 1
    for size in shape:
        result *= size if isinstance(size, int) else 1
    return result


def _matrix_at_least(layer: Layer) -> None:
    """Refuse a list where NVIDIA's layer wants a matrix or more."""
    if layer.shapes[0] is not None and len(layer.shape(0)) < 2:
        raise invalid_node(layer.name, f"{layer.name}: at least 2 dimensions are required for input.")


def _pooling(layer: Layer) -> None:
    if len(layer.attribute("kernel_shape", ())) == 1:
        raise invalid_node(
            layer.name,
            "Parameter check failed, condition: (windowSize).nbDims == 2 || (windowSize).nbDims == 3.",
        )


def _eye_like(layer: Layer) -> None:
    unless(
        all(isinstance(size, int) for size in layer.shape(0)),
        "UNSUPPORTED_NODE",
        "importEyeLike",
        "Assertion failed: !isDynamic(dims): Eyelike does not work for dynamically shaped tensors.",
    )


def _transpose(layer: Layer) -> None:
    order, rank = layer.attribute("perm"), len(layer.shape(0))
    if order is not None and layer.shapes[0] is not None and sorted(order) != list(range(rank)):
        text = f"`input` has {rank} dimensions and `first_transpose` is {_written(list(order)[:rank])}."
        raise invalid_node(layer.name, f"{layer.name}: IShuffleLayer `first_transpose` is not valid. {text}")


def _reduce(layer: Layer) -> None:
    if layer.has(1):
        unless(
            layer.numbers(1) is not None and layer.values.is_weights(layer.node.inputs[1]),
            "UNSUPPORTED_NODE",
            "getReduceAxisMask",
            "resolvedWeights(axesWeights): Axis input must resolve to a build-time constant (an initializer or a "
            "constant-foldable subgraph)!",
        )
        for axis in layer.numbers(1) or []:
            _axis(layer, axis)


def _squeeze(layer: Layer) -> None:
    word = layer.node.op_type.lower()
    if not layer.has(1):
        return
    axes, data = layer.numbers(1), layer.shapes[0]
    if axes is None:
        raise invalid_node(layer.name, f"{word} axis is not a constant", "Shape Error")
    if word == "squeeze" and data is not None:
        if any(not -len(data) <= axis < len(data) for axis in axes):
            raise invalid_node(
                layer.name, f"squeeze axis is out of range for a tensor of {len(data)} dimensions", "Shape Error"
            )
        kept = [size for i, size in enumerate(data) if i not in {axis % len(data) for axis in axes}]
        if any(isinstance(data[axis], int) and data[axis] != 1 for axis in axes):
            text = f"{MULTIPLE} Reshaping {_written(data)} to {_written(kept)}."
            raise invalid_node(layer.name, text, "Shape Error")


def _dropout(layer: Layer) -> None:
    if layer.has(2):
        unless(
            layer.numbers(2) == [False],
            "UNSUPPORTED_NODE",
            "importDropout",
            "inputs.at(2).is_weights(): This Version of TensorRT only supports the training_mode input as an "
            "initializer.",
        )


def _mod(layer: Layer) -> None:
    _broadcast(layer)
    if not layer.attribute("fmod", 0):
        kind = layer.kinds[0]
        unless(
            kind in (DataType.INT32, DataType.INT64),
            "UNSUPPORTED_NODE_DATATYPE",
            "importMod",
            "(input0->getType() == DataType::kINT32 || input0->getType() == DataType::kINT64): The fmod "
            "attribute is set to 0. Inputs cannot be of floating point types. "
            f"The current input type is {kind.name if kind else ''}.",
        )


def _resize(layer: Layer) -> None:
    axes, rank = layer.attribute("axes"), len(layer.shape(0))
    if layer.has(3):
        return
    unless(
        axes is None or list(axes) == list(range(rank)) or layer.weights(2) is not None,
        "UNSUPPORTED_NODE",
        "importResize",
        "!axesInterlacingNeeded: Currently, `axes` attribute is supported with `scales` tensor only when it's trivial "
        "i.e. it's an iota vector of same length as input rank.",
    )
    if layer.has(2) and layer.weights(2) is None and layer.numbers(2) is None:
        raise invalid_node(
            layer.name, "Network input scales is a shape tensor and must have type Int32 or Int64. Type is Float."
        )


def _split(layer: Layer) -> None:
    count = layer.attribute("num_outputs")
    if count is not None and count != len(layer.node.outputs):
        text = f"num_outputs is {count} and there are {len(layer.node.outputs)} outputs"
        raise refuse("INVALID_NODE", "importSplit", text)


def _range(layer: Layer) -> None:
    for value, kind in zip(layer.node.inputs, layer.kinds, strict=True):
        if kind is DataType.FLOAT and value is not None and value.is_graph_input():
            text = f"Network input {value.name} is a shape tensor and must have type Int32 or Int64. Type is Float."
            raise invalid_node(layer.name, text)


def _random_like(layer: Layer) -> None:
    if layer.attribute("dtype") is None and layer.kinds[0] not in (DataType.FLOAT, DataType.FLOAT16, DataType.BFLOAT16):
        which = "Normal" if "Normal" in layer.node.op_type else "Uniform"
        raise refuse("INVALID_VALUE", f"random{which}CheckHelper", f"Unsupported data type in random{which}")


MULTIPLE = "reshape changes volume to multiple of original non-zero volume."
# The inputs that hold one number (Pad: two) per dimension.
SHAPE_TENSORS = {
    **{"Reshape": (1,), "Expand": (1,), "ConstantOfShape": (0,), "Tile": (1,), "Pad": (1,), "Slice": (1, 2, 3, 4)},
    **{"Resize": (2, 3), "Squeeze": (1,), "Unsqueeze": (1,)},
}
AXIS: dict[str, int | None] = {
    **{"Concat": None, "Softmax": -1, "LogSoftmax": -1, "Hardmax": -1, "Gather": 0, "GatherElements": 0, "Split": 0},
    **{"Flatten": 1, "TopK": -1, "ArgMax": 0, "ArgMin": 0, "ScatterElements": 0, "LayerNormalization": -1},
    "LpNormalization": -1,
}
LEAST_INPUTS = {
    **dict.fromkeys(("Conv", "ConvTranspose", "Gemm", "MatMul", "Reshape", "Expand", "Gather", "Tile", "Pow"), 2),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "And", "Or", "Xor", "Equal", "Greater", "Less", "Mod", "PRelu"), 2),
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear", "TopK", "Unsqueeze", "GatherElements", "GatherND"), 2),
    **dict.fromkeys(("Where", "Slice", "OneHot", "Range", "ScatterElements", "ScatterND", "LSTM", "GRU", "RNN"), 3),
    **dict.fromkeys(("LayerNormalization", "CumSum"), 2),
    **dict.fromkeys(("InstanceNormalization", "GroupNormalization"), 3),
    "BatchNormalization": 5,
}
_ONE_INPUT = """
    Relu Sigmoid Tanh Exp Log Sqrt Abs Neg Erf Ceil Floor Round Reciprocal Not Softmax LogSoftmax Cast Identity Shape
    Size Transpose Flatten Squeeze Concat Split MaxPool AveragePool GlobalAveragePool GlobalMaxPool Resize Pad Clip
    Dropout ConstantOfShape Elu Selu LeakyRelu HardSigmoid HardSwish Gelu Softplus Softsign ArgMax ArgMin Einsum
    ReduceMean ReduceSum ReduceMax ReduceMin ReduceProd DepthToSpace SpaceToDepth If Max Min
"""
LEAST_INPUTS.update(dict.fromkeys(_ONE_INPUT.split(), 1))
_BROADCAST = ("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mean", "Mod", "And", "Or", "Xor", "Equal")
CHECKS: dict[str, Callable[[Layer], None]] = {
    **dict.fromkeys((*_BROADCAST, "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "Where"), _broadcast),
    **dict.fromkeys(("MatMul", "Gemm"), _matrices),
    **dict.fromkeys(("Conv", "ConvTranspose"), _convolution),
    **dict.fromkeys(("ReduceSum", *REDUCTIONS), _reduce),
    **dict.fromkeys(("Squeeze", "Unsqueeze"), _squeeze),
    **dict.fromkeys(("ArgMax", "ArgMin", "Softmax", "LogSoftmax", "Hardmax"), _matrix_at_least),
    "Concat": _concatenate,
    "EyeLike": _eye_like,
    "LpPool": _pooling,
    "Mod": _mod,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Dropout": _dropout,
    "Resize": _resize,
    "Range": _range,
    "Split": _split,
    **dict.fromkeys(("RandomUniformLike", "RandomNormalLike"), _random_like),
}
