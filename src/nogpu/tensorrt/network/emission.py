"""How a layer becomes ONNX nodes: one node at a time, each with its types and shapes told at once.

Types and shapes are the parser's business (`parser.shapes`, `parser.layer_checks`): a layer made by hand and a node
read from a file are held to the same rules. Called by `definition` for each layer that is new or was changed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir

from nogpu.tensorrt import datatypes
from nogpu.tensorrt.enumerations import DataType
from nogpu.tensorrt.parser import layer_checks, operators, shapes
from nogpu.tensorrt.parser.operators import FROM_PLUGINS
from nogpu.tensorrt.parser.problems import Refused
from nogpu.tensorrt.parser.shape_values import ShapeValues
from nogpu.tensorrt.reporting import Failure

OPSET = 22
WHERE = "ITensor::getDimensions"
LAYER = "nogpu.layer"  # a node's metadata: the name of the layer that it is a part of


class Emission:
    """The nodes of one layer while they are made."""

    def __init__(self, graph: ir.Graph, values: ShapeValues, name: str, unique: str) -> None:
        self._graph, self._values = graph, values
        self._name, self._unique = name, unique  # of the layer; and what no other layer's values are called
        self.nodes: list[ir.Node] = []
        self.constants: list[ir.Value] = []

    def op(self, operator: str, *inputs: ir.Value | None, outputs: int = 1, **attributes: Any) -> ir.Value:
        """Add a node and return its first output."""
        return self.ops(operator, *inputs, outputs=outputs, **attributes)[0]

    def ops(self, operator: str, *inputs: ir.Value | None, outputs: int = 1, **attributes: Any) -> list[ir.Value]:
        """Add a node and return its outputs. Attributes that are None are left out. Raises Failure."""
        name = self._name if not self.nodes else f"{self._name} [{operator}{len(self.nodes)}]"
        given = {key: value for key, value in attributes.items() if value is not None}
        node = ir.node(operator, list(inputs), attributes=given, num_outputs=outputs, name=name)
        for index, value in enumerate(node.outputs):
            value.name = f"{self._unique}:{len(self.nodes)}.{index}"
        infer(node, self._values, self._name)
        node.metadata_props[LAYER] = self._name
        self._graph.append(node)
        self.nodes.append(node)
        return list(node.outputs)

    def constant(self, array: Any, kind: DataType | None = None, role: str = "") -> ir.Value:
        """Add numbers as an initializer and return its value."""
        numbers = np.ascontiguousarray(array) if np.ndim(array) else np.asarray(array)
        if kind is not None:
            numbers = numbers.astype(datatypes.storage(kind))
        name = f"{self._unique}:{role or f'constant{len(self.constants)}'}"
        tensor = ir.Tensor(numbers, dtype=datatypes.to_onnx(datatypes.from_numpy(numbers.dtype)), name=name)
        value = ir.Value(name=name, const_value=tensor, type=ir.TensorType(tensor.dtype), shape=ir.Shape(numbers.shape))
        self._graph.register_initializer(value)
        self.constants.append(value)
        return value

    def integers(self, *numbers: int) -> ir.Value:
        """Add a list of int64, as ONNX's operators want their axes and shapes."""
        return self.constant(np.array(numbers, np.int64))

    def int64(self, value: ir.Value) -> ir.Value:
        """Return axes, indices or sizes as int64, as ONNX's operators want them; a constant where they are known."""
        if value.dtype == ir.DataType.INT64:
            return value
        known = self.numbers(value)
        if known is None or None in known:
            return self.op("Cast", value, to=int(ir.DataType.INT64))
        return self.constant(np.array(known, np.int64).reshape(shape_of(value)))

    def numbers(self, value: ir.Value) -> list[Any] | None:
        """Return the elements of a small tensor that are known now, else None."""
        return self._values.numbers(value)

    def withdraw(self) -> None:
        """Take everything out of the graph again."""
        for node in reversed(self.nodes):
            self._graph.remove(node, safe=True)
        for value in self.constants:
            self._graph.initializers.pop(value.name or "", None)


def infer(node: ir.Node, values: ShapeValues, name: str) -> None:
    """Give the node's outputs their types and shapes. Raises Failure where the node cannot be."""
    given = [None if v is None else (v.dtype or ir.DataType.UNDEFINED, sizes_of(v)) for v in node.inputs]
    kinds = [None if one is None else one[0] for one in given]
    layer = layer_checks.Layer(node, kinds, [None if one is None else one[1] for one in given], values)
    try:
        if node.op_type not in FROM_PLUGINS:
            operators.check_types(node, kinds)
        layer_checks.check(layer)
        made = shapes.infer(node, given, values, OPSET, name)
    except Refused as refused:
        raise Failure(WHERE, 4, _layer_text(refused.problem.description, name)) from None
    for value, (kind, sizes) in zip(node.outputs, made, strict=True):
        if sizes is None:
            raise Failure(WHERE, 4, f"{name}: the number of dimensions of its output cannot be told")
        value.type, value.shape = ir.TensorType(kind), ir.Shape(sizes)
    values.follow(node, layer.shapes)


def sizes_of(value: ir.Value) -> list[Any] | None:
    """Return a value's shape as plain sizes: numbers, names, None."""
    if value.shape is None:
        return None
    return [size if isinstance(size, int) else size.value for size in value.shape]


def shape_of(value: ir.Value) -> tuple[int, ...]:
    """Return a value's shape with -1 for what is not known."""
    return tuple(size if isinstance(size, int) else -1 for size in sizes_of(value) or ())


def _layer_text(description: str, name: str) -> str:
    """Return a parser's problem as a layer's: without the parser's own first words."""
    text = description.removeprefix(f"Invalid Node - {name}").strip()
    if ": Error Code" in text and text.endswith(")"):
        text = text[text.index("(", text.index(": Error Code")) + 1 : -1]
    return text if name in text else f"{name}: {text}"
