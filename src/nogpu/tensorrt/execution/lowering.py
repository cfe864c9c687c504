"""What ONNX Runtime has no kernel for on a CPU, said in operators that it has kernels for.

The parser and the layer API take what NVIDIA's builder takes; this is the place for what that costs here. Called at the
end of a build, on the graph as it will run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir

from nogpu.tensorrt.execution.rounding import ONLY_UP_TO_21, graphs

OPSETS = (21, 22)  # 22 gave many operators BF16; nothing else about them differs


def lower(model: ir.Model) -> ir.Model:
    """Rewrite such nodes in place, in the bodies of If and Loop too, and return the model."""
    operators = set()
    for graph in list(graphs(model.graph)):
        for node in list(graph):
            operators.add(node.op_type)
            if node.op_type in REWRITES:
                REWRITES[node.op_type](graph, node)
    if operators & ONLY_UP_TO_21 and model.opset_imports.get("") == OPSETS[1]:
        model.opset_imports[""] = OPSETS[0]
    return model


def _where(graph: ir.Graph, node: ir.Node) -> None:
    """A choice between truth values: (condition and x) or (not condition and y)."""
    if node.outputs[0].dtype is not ir.DataType.BOOL:
        return
    condition, x, y = node.inputs
    left = _before(graph, node, "And", condition, x)
    right = _before(graph, node, "And", _before(graph, node, "Not", condition), y)
    _become(node, "Or", left, right)


def _relu(graph: ir.Graph, node: ir.Node) -> None:
    """ReLU of whole numbers: the larger one of them and 0."""
    if node.outputs[0].dtype is ir.DataType.INT64:
        _become(node, "Max", node.inputs[0], _zero(graph, node))


def _one_hot(graph: ir.Graph, node: ir.Node) -> None:
    """Indices and depth of 64 bits: of the others, only some pairs of types have a kernel."""
    for place in (0, 1):
        value = node.inputs[place]
        if value is not None and value.dtype is not ir.DataType.INT64:
            wide = _before(graph, node, "Cast", value, kind=ir.DataType.INT64, to=int(ir.DataType.INT64))
            node.replace_input_with(place, wide)


REWRITES: dict[str, Callable[[ir.Graph, ir.Node], None]] = {"Where": _where, "Relu": _relu, "OneHot": _one_hot}


def _before(
    graph: ir.Graph,
    node: ir.Node,
    operator: str,
    *inputs: ir.Value | None,
    kind: ir.DataType = ir.DataType.BOOL,
    **attributes: Any,
) -> ir.Value:
    """Add a node in front of `node`, with a name that begins with its name, so that its time counts as its time."""
    place = sum(1 for each in graph if str(each.name).startswith(f"{node.name} ["))
    made = ir.node(operator, list(inputs), attributes, name=f"{node.name} [{operator}{place}]")
    made.outputs[0].name = f"{node.outputs[0].name} [{operator}{place}]"
    made.outputs[0].type = ir.TensorType(kind)
    graph.insert_before(node, made)
    return made.outputs[0]


def _become(node: ir.Node, operator: str, *inputs: ir.Value | None) -> None:
    node.op_type = operator
    node.resize_inputs(len(inputs))
    for place, value in enumerate(inputs):
        node.replace_input_with(place, value)


def _zero(graph: ir.Graph, node: ir.Node) -> ir.Value:
    numbers = np.zeros((), np.int64)
    value = ir.Value(name=f"{node.outputs[0].name} [zero]", const_value=ir.tensor(numbers), shape=ir.Shape(()))
    value.type = ir.TensorType(ir.DataType.INT64)
    graph.register_initializer(value)
    return value
