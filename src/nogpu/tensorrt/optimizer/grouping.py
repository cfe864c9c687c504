"""Vertical fusion: which nodes become one layer of the engine.

The graph stays as it is; a layer is a set of its nodes that run without writing what is between them, and rounding to
a lower precision happens at its output only. (NVIDIA, "Types of Fusions"; the names' form: reference of the
inspector.)
"""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from nogpu.tensorrt.optimizer.batch_normalization import MERGED
from nogpu.tensorrt.optimizer.layers import Layer

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


def group(model: ir.Model) -> list[Layer]:
    """Return the layers of the engine, in the order in which their last nodes stand in the graph."""
    taken: dict[int, list[ir.Node]] = {}
    groups: list[list[ir.Node]] = []
    outputs = {id(value) for value in model.graph.outputs}
    order = {id(node): place for place, node in enumerate(model.graph)}
    for node in model.graph:
        joined = _group_to_join(node, taken, outputs, order)
        if joined is None:
            joined = []
            groups.append(joined)
        joined.append(node)
        taken[id(node)] = joined
    groups.sort(key=lambda nodes: order[id(nodes[-1])])
    return [_layer(nodes) for nodes in groups]


def _group_to_join(
    node: ir.Node, taken: dict[int, list[ir.Node]], outputs: set[int], order: dict[int, int]
) -> list[ir.Node] | None:
    """Return the group behind one of the node's inputs that may take the node in as its new end, or None."""
    if node.op_type not in POINTWISE:
        return None
    candidates = []
    for value in node.inputs:
        before = value.producer() if value is not None else None
        if value is None or before is None or id(value) in outputs or len(value.uses()) != 1:
            continue
        candidate = taken[id(before)]
        if candidate[-1] is before and _may_end_with(candidate, node):
            candidates.append(candidate)
    # The latest: everything else that the node reads is there by then.
    return max(candidates, key=lambda nodes: order[id(nodes[-1])], default=None)


def _may_end_with(nodes: list[ir.Node], node: ir.Node) -> bool:
    first, kinds = nodes[0], [each.op_type for each in nodes]
    if first.op_type in LEADS:
        tail = kinds[1:]
        if node.op_type in ACTIVATIONS:
            return not any(kind in ACTIVATIONS for kind in tail)
        if node.op_type == "Add":  # a residual connection, or the bias of a matrix product
            return tail == [] or (first.op_type == "MatMul" and tail == ["Add"])
        return False
    return all(kind in POINTWISE for kind in kinds)


def _layer(nodes: list[ir.Node]) -> Layer:
    merged = [name for node in nodes for name in str(node.metadata_props.get(MERGED, node.name)).split("\n")]
    inside = {id(output) for node in nodes for output in node.outputs}
    inputs: dict[str, ir.Value] = {}
    for node in nodes:
        for value in node.inputs:
            if value is not None and id(value) not in inside and value.const_value is None:
                inputs.setdefault(str(value.name), value)
    pointwise = nodes[0].op_type in POINTWISE
    names = [str(node.name) for node in nodes]
    name = f"PWN({', '.join(names)})" if pointwise and len(nodes) > 1 else " + ".join(names)
    kind = "PointWiseV2" if pointwise else TYPES.get(nodes[0].op_type, nodes[0].op_type)
    end = nodes[-1].outputs
    precision = end[0].dtype.name if end and end[0].dtype is not None else ""
    return Layer(name, kind, [_tensor(v) for v in inputs.values()], [_tensor(v) for v in end], merged, precision)


_DTYPES = {"FLOAT16": "HALF", "BFLOAT16": "BF16"}


def _tensor(value: ir.Value) -> dict[str, Any]:
    shape = [size if isinstance(size, int) else -1 for size in value.shape] if value.shape is not None else []
    dtype = value.dtype.name if value.dtype is not None else ""
    return {"name": str(value.name), "dtype": _DTYPES.get(dtype, dtype), "shape": shape}
