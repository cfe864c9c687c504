"""Vertical fusion: which nodes become one layer of the engine.

The graph stays as it is; a layer is a set of its nodes that run without writing what is between them, and rounding to
a lower precision happens at its output only. (NVIDIA, "Types of Fusions"; the names' form: reference of the
inspector.) What only computes shapes is no layer: TensorRT does it on the host.
"""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from nogpu.tensorrt.optimizer.horizontal import SIDE_BY_SIDE
from nogpu.tensorrt.optimizer.layers import Layer
from nogpu.tensorrt.optimizer.merging import MERGED, constant, is_private, joined, names_of, shown
from nogpu.tensorrt.optimizer.quantization import WEIGHTS

ACTIVATIONS = {"Relu", "Clip", "Sigmoid", "Tanh", "LeakyRelu", "Elu", "HardSigmoid", "HardSwish", "Gelu", "Softplus"}
POINTWISE = ACTIVATIONS | {
    "Add", "Sub", "Mul", "Div", "Min", "Max", "Pow", "Exp", "Log", "Sqrt", "Neg", "Abs", "Erf", "Reciprocal", "Floor",
    "Ceil", "Sign", "Sin", "Cos", "Not", "And", "Or", "Xor", "Equal", "Greater", "Less", "Where", "Selu", "Softsign",
    "GreaterOrEqual", "LessOrEqual", "Round", "PRelu", "Mish", "Celu", "ThresholdedRelu",
}  # fmt: skip
TYPES = {
    "Conv": "CaskConvolution", "ConvTranspose": "CaskDeconvolution", "Gemm": "CaskGemm", "MatMul": "CaskGemm",
    "MaxPool": "CaskPooling", "AveragePool": "CaskPooling", "GlobalAveragePool": "CaskPooling",
    "GlobalMaxPool": "CaskPooling", "Softmax": "SoftMax", "Reshape": "NoOp", "Flatten": "NoOp", "Squeeze": "NoOp",
    "Unsqueeze": "NoOp", "Transpose": "Shuffle", "Concat": "Concat", "Slice": "Slice", "Gather": "Gather",
    "Resize": "Resize", "TopK": "TopK", "Cast": "Cast", "Shape": "Shape",
    "QuantizeLinear": "Quantize", "DequantizeLinear": "Dequantize", "LayerNormalization": "Normalization",
}  # fmt: skip
LEADS = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
SHAPE_INPUTS = {  # operator -> the inputs that say how large the output is
    "Reshape": (1,), "Expand": (1,), "Tile": (1,), "ConstantOfShape": (0,), "Range": (0, 1, 2), "Slice": (1, 2, 3, 4),
    "Resize": (2, 3), "Pad": (1, 3), "TopK": (1,), "Split": (1,), "Unsqueeze": (1,), "Squeeze": (1,),
}  # fmt: skip


def group(model: ir.Model) -> list[Layer]:
    """Return the layers of the engine, in the order in which their last nodes stand in the graph."""
    grouping = _Grouping(model.graph)
    hidden = _shape_computations(model.graph)
    for node in model.graph:
        if id(node) not in hidden:
            grouping.take(node)
    order = grouping.order
    return [_layer(nodes) for nodes in sorted(grouping.groups(), key=lambda nodes: order[id(nodes[-1])])]


class _Grouping:
    """The groups so far; a group is a list of nodes, and `taken` knows each node's."""

    def __init__(self, graph: ir.Graph) -> None:
        self.order = {id(node): place for place, node in enumerate(graph)}
        self.taken: dict[int, list[ir.Node]] = {}

    def groups(self) -> list[list[ir.Node]]:
        """Return all groups."""
        return list({id(nodes): nodes for nodes in self.taken.values()}.values())

    def take(self, node: ir.Node) -> None:
        """Put the node into a group that may end with it, or into one of its own."""
        if node.op_type in LEADS:
            before = self._dequantizes(node)
            mine = before if before[:2] and all(_comes_dequantized(value) for value in node.inputs[:2]) else []
        else:
            mine = self._to_join(node) or []
            if node.op_type == "Add" and _is_quantized(mine):
                mine[-1:-1] = [each for each in self._dequantizes(node) if each not in mine]
        mine.append(node)
        for each in mine:
            self.taken[id(each)] = mine

    def _dequantizes(self, node: ir.Node) -> list[ir.Node]:
        """Return the DequantizeLinears that stand alone and that only this node reads."""
        makers = [value.producer() for value in node.inputs if value is not None and is_private(value)]
        found = [maker for maker in makers if maker is not None and _is_dequantize(maker)]
        return [maker for maker in found if self.taken.get(id(maker)) == [maker]]

    def _to_join(self, node: ir.Node) -> list[ir.Node] | None:
        candidates = []
        for value in node.inputs:
            before = value.producer() if value is not None else None
            candidate = self.taken.get(id(before)) if before is not None else None
            if value is None or candidate is None or not is_private(value):
                continue
            if candidate[-1] is before and _may_end_with(candidate, node):
                candidates.append(candidate)
        # The latest: everything else that the node reads is there by then.
        return max(candidates, key=lambda nodes: self.order[id(nodes[-1])], default=None)


def _may_end_with(nodes: list[ir.Node], node: ir.Node) -> bool:
    kinds = [each.op_type for each in nodes if not _is_dequantize(each)]
    if kinds and kinds[0] in LEADS:
        tail = kinds[1:]
        if tail and tail[-1] in ("Split", "QuantizeLinear"):
            return False
        if node.op_type == "Split":
            return node.metadata_props.get(MERGED) == ""  # the parts of convolutions that were merged
        if node.op_type == "QuantizeLinear":
            return _is_quantized(nodes)
        if node.op_type in ACTIVATIONS:
            return not any(kind in ACTIVATIONS for kind in tail)
        if node.op_type == "Add":  # a residual connection, or the bias of a matrix product
            return tail == [] or (kinds[0] == "MatMul" and tail == ["Add"])
        return False
    return node.op_type in POINTWISE and bool(kinds) and all(kind in POINTWISE for kind in kinds)


def _is_dequantize(node: ir.Node) -> bool:
    return node.op_type == "DequantizeLinear"


def _comes_dequantized(value: ir.Value | None) -> bool:
    node = value.producer() if value is not None else None
    return node is not None and _is_dequantize(node)


def _is_quantized(nodes: list[ir.Node]) -> bool:
    """Say whether the layer computes on integers: its convolution or product stands behind DequantizeLinears."""
    return len(nodes) > 1 and _is_dequantize(nodes[0])


def _shape_computations(graph: ir.Graph) -> set[int]:
    """Return the nodes (by id) whose results are read as shapes only."""
    found: set[int] = set()
    for node in reversed(graph):
        uses = [use for output in node.outputs for use in output.uses()]
        if not uses or any(output.is_graph_output() for output in node.outputs):
            continue
        if all(id(user) in found or place in SHAPE_INPUTS.get(user.op_type, ()) for user, place in uses):
            found.add(id(node))
    return found


def _layer(nodes: list[ir.Node]) -> Layer:
    inside = {id(output) for node in nodes for output in node.outputs}
    inputs: dict[str, ir.Value] = {}
    for node in nodes:
        for value in node.inputs:
            if value is not None and id(value) not in inside and value.const_value is None:
                inputs.setdefault(str(value.name), value)
    first = next((node for node in nodes if not _is_dequantize(node)), nodes[0])
    kind = "PointWiseV2" if first.op_type in POINTWISE else TYPES.get(first.op_type, first.op_type)
    end = nodes[-1].outputs
    precision = end[0].dtype.name if end and end[0].dtype is not None else ""
    if _is_quantized(nodes):
        precision = "INT8"
    described = [_tensor(value) for value in inputs.values()], [_tensor(value) for value in end]
    return Layer(_name(nodes, first), kind, *described, names_of(*nodes), precision)


def _name(nodes: list[ir.Node], first: ir.Node) -> str:
    """Return the layer's name: "a + b" one behind the other, "a || b" side by side, "PWN(a, b)" point by point."""
    if len(nodes) == 1:
        return shown(nodes[0])
    if first.op_type in POINTWISE:
        return joined("PWN({})", nodes)
    named = [node for node in nodes if node.metadata_props.get(MERGED) != ""]
    branches = [shown(node).split(SIDE_BY_SIDE) for node in named]
    if len(branches[0]) > 1 and len({len(branch) for branch in branches}) == 1:
        return SIDE_BY_SIDE.join(" + ".join(parts) for parts in zip(*branches, strict=True))
    if not _is_quantized(nodes):
        return joined("{}", named, " + ")
    weights = [_weights_name(value.producer()) for value in first.inputs[1:2] if value is not None]
    rest = [node for node in nodes if node.op_type not in ("QuantizeLinear", "DequantizeLinear")]
    return " + ".join([*filter(None, weights), joined("{}", rest, " + ")])


def _weights_name(dequantize: ir.Node | None) -> str:
    """Return how quantised weights are called: "conv1.weight + QuantizeLinear_7"; "" where they are none."""
    if dequantize is None or constant(dequantize.inputs[0]) is None:
        return ""
    weights = dequantize.inputs[0].name if dequantize.inputs[0] is not None else ""
    return str(dequantize.metadata_props.get(WEIGHTS, f"{weights} + {dequantize.name}"))


_DTYPES = {"FLOAT16": "HALF", "BFLOAT16": "BF16"}


def _tensor(value: ir.Value) -> dict[str, Any]:
    shape = [size if isinstance(size, int) else -1 for size in value.shape] if value.shape is not None else []
    dtype = value.dtype.name if value.dtype is not None else ""
    return {"name": str(value.name), "dtype": _DTYPES.get(dtype, dtype), "shape": shape}
