"""Layers of networks that the parser read: views of nodes, and what has to be found out about such a graph.

Called by `definition`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnx_ir as ir

from nogpu.tensorrt.enumerations import LayerType
from nogpu.tensorrt.network.emission import infer
from nogpu.tensorrt.network.layer import ParsedLayer
from nogpu.tensorrt.network.tensor import ITensor
from nogpu.tensorrt.parser.shape_values import ShapeValues

if TYPE_CHECKING:
    from nogpu.tensorrt.network.definition import INetworkDefinition

_POINTWISE = "Add Sub Mul Div Max Min Pow And Or Xor Equal Greater Less GreaterOrEqual LessOrEqual Mod Sum Mean"
_UNARY = "Exp Log Sqrt Reciprocal Abs Neg Sin Cos Tan Sinh Cosh Asin Acos Atan Asinh Acosh Atanh Ceil Floor Erf Not"
_ACTIVATION = (
    "Relu Sigmoid Tanh LeakyRelu Elu Selu Softsign Softplus Clip HardSigmoid HardSwish ThresholdedRelu Gelu Mish"
)
_REDUCE = "ReduceSum ReduceProd ReduceMax ReduceMin ReduceMean ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp"
_KINDS = {
    **dict.fromkeys(_POINTWISE.split(), LayerType.ELEMENTWISE),
    **dict.fromkeys((_UNARY + " Sign Round IsInf IsNaN").split(), LayerType.UNARY),
    **dict.fromkeys((_ACTIVATION + " Swish Celu").split(), LayerType.ACTIVATION),
    **dict.fromkeys((_REDUCE + " ReduceSumSquare GlobalMaxPool GlobalAveragePool").split(), LayerType.REDUCE),
    **dict.fromkeys(["Reshape", "Transpose", "Flatten", "DepthToSpace", "SpaceToDepth"], LayerType.SHUFFLE),
    **dict.fromkeys(["LayerNormalization", "GroupNormalization", "InstanceNormalization"], LayerType.NORMALIZATION),
    **dict.fromkeys(["MaxPool", "AveragePool", "LpPool"], LayerType.POOLING),
    **dict.fromkeys(["MatMul", "Gemm"], LayerType.MATRIX_MULTIPLY),
    **dict.fromkeys(["Gather", "GatherElements", "GatherND"], LayerType.GATHER),
    **dict.fromkeys(["ScatterElements", "ScatterND"], LayerType.SCATTER),
    **dict.fromkeys(["Slice", "Split", "Expand", "Tile"], LayerType.SLICE),
    "Conv": LayerType.CONVOLUTION, "ConvTranspose": LayerType.DECONVOLUTION, "BatchNormalization": LayerType.SCALE,
    "Softmax": LayerType.SOFTMAX, "Concat": LayerType.CONCATENATION, "Pad": LayerType.PADDING, "TopK": LayerType.TOPK,
    "Constant": LayerType.CONSTANT, "Identity": LayerType.IDENTITY, "Cast": LayerType.CAST, "Shape": LayerType.SHAPE,
    "PRelu": LayerType.PARAMETRIC_RELU, "Resize": LayerType.RESIZE, "Where": LayerType.SELECT, "Range": LayerType.FILL,
    "ConstantOfShape": LayerType.FILL, "QuantizeLinear": LayerType.QUANTIZE, "DequantizeLinear": LayerType.DEQUANTIZE,
    "Einsum": LayerType.EINSUM, "OneHot": LayerType.ONE_HOT, "NonZero": LayerType.NON_ZERO, "LRN": LayerType.LRN,
    "ReverseSequence": LayerType.REVERSE_SEQUENCE, "Squeeze": LayerType.SQUEEZE, "Unsqueeze": LayerType.UNSQUEEZE,
    "CumSum": LayerType.CUMULATIVE, "GridSample": LayerType.GRID_SAMPLE,
}  # fmt: skip

# Operator -> the inputs whose values decide the shape of the output
_DECIDING = {
    "Reshape": (1,), "Expand": (1,), "Tile": (1,), "ConstantOfShape": (0,), "Range": (0, 1, 2), "Slice": (1, 2, 3, 4),
    "Resize": (2, 3), "Pad": (1, 3), "TopK": (1,), "OneHot": (1,), "Split": (1,), "Unsqueeze": (1,), "Squeeze": (1,),
}  # fmt: skip


def add_layer(network: INetworkDefinition, node: ir.Node, tensors: dict[ir.Value | None, ITensor]) -> None:
    """Add a view of `node` to the network; `tensors` has the tensors of the values so far, and gets the new ones."""
    inputs = [tensors.get(value) for value in node.inputs if value is None or value.const_value is None]
    layer: Any = ParsedLayer._make(network, inputs)
    layer._node, layer._name = node, node.name or layer._name
    layer._metadata = f"[ONNX Layer: {layer._name}]"
    layer._layer_type = _KINDS.get(node.op_type, LayerType.PLUGIN_V3)
    layer._outputs = [ITensor._make(network, layer, i, value) for i, value in enumerate(node.outputs) if value.name]
    for tensor in layer._outputs:
        tensors[tensor._value] = tensor


def infer_again(node: ir.Node, values: ShapeValues, name: str) -> None:
    """Tell the shapes of a parsed node's outputs once more, after an input of the network got another shape."""
    if not any(isinstance(attribute.value, ir.Graph) for attribute in node.attributes.values()):
        infer(node, values, name)


def shape_inputs(graph: ir.Graph) -> tuple[str, ...]:
    """Return the names of the graph's inputs whose values decide shapes."""
    found: set[ir.Value] = set()
    waiting = [
        node.inputs[index] for node in graph for index in _DECIDING.get(node.op_type, ()) if index < len(node.inputs)
    ]
    while waiting:
        value = waiting.pop()
        if value is None or value in found:
            continue
        found.add(value)
        producer = value.producer()
        if producer is not None and producer.op_type not in ("Shape", "Size"):
            waiting += producer.inputs
    return tuple(value.name or "" for value in graph.inputs if value in found)
