"""Bring a node of an older opset to the form of today's, so that everything behind the parser knows one form only.

The models that come out are of opset TARGET (LATER only where an operator is younger than TARGET). Only the handful of
operators whose form changed between opset 7 and there are rewritten; for the others the new version takes what the old
one took. Called by `importing`, node by node, when the types of the inputs are known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir

from nogpu.tensorrt.parser.operators import REDUCTIONS
from nogpu.tensorrt.parser.problems import refuse
from nogpu.tensorrt.parser.static_checks import attribute

TARGET, LATER = 22, 24
Rewrite = Callable[[ir.Node, "Modernizer"], list[ir.Node] | None]


def target(model: ir.Model) -> int:
    """Return the opset that the model will have."""
    for node in ir.traversal.RecursiveGraphIterator(model.graph):
        try:
            onnx.defs.get_schema(node.op_type, TARGET, "")
        except onnx.defs.SchemaError:
            return LATER
    return TARGET


class Modernizer:
    """Rewrites nodes of a model that was written for opset `version`; new constants become its initializers."""

    def __init__(self, model: ir.Model, version: int) -> None:
        self.model, self.version = model, version
        self._made = 0

    def rewrite(self, node: ir.Node) -> list[ir.Node]:
        """Return the nodes that stand for `node` now, in the order in which they compute; mostly the node itself."""
        for rewrite, names, below in REWRITES:
            if self.version < below and node.op_type in names:
                made = rewrite(node, self)
                if made is not None:
                    return made
        return [node]

    def constant(self, node: ir.Node, what: str, numbers: Any, kind: ir.DataType) -> ir.Value:
        """Return a new initializer with the given numbers."""
        self._made += 1
        name = f"{node.outputs[0].name or node.name}.{what}.{self._made}"
        tensor = ir.tensor(np.asarray(numbers, dtype=kind.numpy()), dtype=kind, name=name)
        value = ir.Value(name=name, shape=ir.Shape(np.shape(numbers)), type=ir.TensorType(kind), const_value=tensor)
        self.model.graph.register_initializer(value)
        return value

    def move_to_input(self, node: ir.Node, name: str, index: int, kind: ir.DataType = ir.DataType.INT64) -> None:
        """Turn an attribute into the input at `index`; without the attribute nothing happens."""
        numbers = attribute(node, name)
        node.attributes.pop(name, None)
        if numbers is not None:
            if len(node.inputs) <= index:
                node.resize_inputs(index + 1)
            node.replace_input_with(index, self.constant(node, name, numbers, kind))


def _axes(node: ir.Node, modern: Modernizer) -> None:
    modern.move_to_input(node, "axes", 1)


def _split(node: ir.Node, modern: Modernizer) -> None:
    modern.move_to_input(node, "split", 1)
    if len(node.inputs) < 2 or node.inputs[1] is None:
        node.attributes["num_outputs"] = ir.AttrInt64("num_outputs", len(node.outputs))


def _clip(node: ir.Node, modern: Modernizer) -> None:
    kind = node.inputs[0].dtype if node.inputs and node.inputs[0] is not None else None
    for index, name in ((1, "min"), (2, "max")):
        modern.move_to_input(node, name, index, kind or ir.DataType.FLOAT)


def _pad(node: ir.Node, modern: Modernizer) -> None:
    kind = node.inputs[0].dtype if node.inputs and node.inputs[0] is not None else None
    if "paddings" in node.attributes:
        node.attributes["pads"] = ir.AttrInt64s("pads", attribute(node, "paddings"))
        node.attributes.pop("paddings")
    modern.move_to_input(node, "pads", 1)
    modern.move_to_input(node, "value", 2, kind or ir.DataType.FLOAT)


def _slice(node: ir.Node, modern: Modernizer) -> None:
    for index, name in ((1, "starts"), (2, "ends"), (3, "axes")):
        modern.move_to_input(node, name, index)


def _top_k(node: ir.Node, modern: Modernizer) -> None:
    k = attribute(node, "k")
    node.attributes.pop("k", None)
    if k is not None:
        node.resize_inputs(2)
        node.replace_input_with(1, modern.constant(node, "k", [k], ir.DataType.INT64))


def _reshape(node: ir.Node, modern: Modernizer) -> None:
    modern.move_to_input(node, "shape", 1)


def _drop(*names: str) -> Rewrite:
    def rewrite(node: ir.Node, modern: Modernizer) -> None:
        for name in names:
            node.attributes.pop(name, None)

    return rewrite


def _no_axis_broadcast(node: ir.Node, modern: Modernizer) -> None:
    if "axis" in node.attributes:
        text = "broadcasting along a given axis (before opset 7) is not supported"
        raise refuse("UNSUPPORTED_NODE_ATTR", f"import{node.op_type}", text)
    _drop("broadcast", "consumed_inputs")(node, modern)


def _cast(node: ir.Node, modern: Modernizer) -> None:
    kind = attribute(node, "to")
    if isinstance(kind, str):
        node.attributes["to"] = ir.AttrInt64("to", int(ir.DataType[kind]))


def _resize(node: ir.Node, modern: Modernizer) -> list[ir.Node]:
    """Resize of opset 10 and Upsample: scales are input 1, and pixels are taken as if without a half-pixel shift."""
    scales = node.inputs[1] if len(node.inputs) > 1 else None
    if scales is None:
        numbers = attribute(node, "scales")
        if numbers is None:
            raise refuse("INVALID_NODE", f"import{node.op_type}", "it has no scales")
        scales = modern.constant(node, "scales", numbers, ir.DataType.FLOAT)
    node.attributes.pop("scales", None)
    node.op_type = "Resize"
    node.resize_inputs(3)
    node.replace_input_with(1, None)
    node.replace_input_with(2, scales)
    node.attributes["coordinate_transformation_mode"] = ir.AttrString("coordinate_transformation_mode", "asymmetric")
    node.attributes["nearest_mode"] = ir.AttrString("nearest_mode", "floor")
    if attribute(node, "mode") == "bilinear":
        node.attributes["mode"] = ir.AttrString("mode", "linear")
    return [node]


def _softmax(node: ir.Node, modern: Modernizer) -> list[ir.Node] | None:
    """Before opset 13 everything from `axis` on was one axis: flatten, take the softmax, restore the shape."""
    data = node.inputs[0] if node.inputs else None
    axis = attribute(node, "axis", 1)
    node.attributes["axis"] = ir.AttrInt64("axis", -1)
    if data is None or data.shape is None or not isinstance(axis, int):
        return None
    if axis in (-1, len(data.shape) - 1):
        return None
    graph, output = node.graph, node.outputs[0]
    if graph is None:
        return None
    shape = ir.node("Shape", [data], name=f"{node.name}.shape")
    flat = ir.node("Flatten", [data], {"axis": axis}, name=f"{node.name}.flat")
    node.replace_input_with(0, flat.outputs[0])
    name, output.name = output.name, f"{output.name}.flat"
    restored = ir.node("Reshape", [output, shape.outputs[0]], name=f"{node.name}.restored")
    restored.outputs[0].name = name
    for made in (shape, flat):
        made.outputs[0].name = f"{made.name or name}.output"
        graph.insert_before(node, made)
    graph.insert_after(node, restored)
    for use, place in list(output.uses()):
        if use is not restored:
            use.replace_input_with(place, restored.outputs[0])
    outputs = graph.outputs
    for place, value in enumerate(outputs):
        if value is output:
            outputs[place] = restored.outputs[0]
    return [shape, flat, node, restored]


def _group_normalization(node: ir.Node, modern: Modernizer) -> None:
    """Before opset 21 scale and bias were one per group; now they are one per channel."""
    data = node.inputs[0]
    groups = attribute(node, "num_groups")
    channels = data.shape[1] if data is not None and data.shape is not None and len(data.shape) > 1 else None
    for index in (1, 2):
        value = node.inputs[index]
        constant = value.const_value if value is not None else None
        if constant is None or not isinstance(channels, int) or not isinstance(groups, int) or channels % groups:
            raise refuse("UNSUPPORTED_NODE", "importGroupNormalization", "scale and bias must be initializers")
        numbers = np.repeat(constant.numpy().reshape(-1), channels // groups)
        node.replace_input_with(index, modern.constant(node, f"per_channel{index}", numbers, constant.dtype))


def _grid_sample(node: ir.Node, modern: Modernizer) -> None:
    mode = attribute(node, "mode", "bilinear")
    node.attributes["mode"] = ir.AttrString("mode", {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode))


def _roi_align(node: ir.Node, modern: Modernizer) -> None:
    """Before opset 16 pixels were taken without a half-pixel shift."""
    node.attributes["coordinate_transformation_mode"] = ir.AttrString(
        "coordinate_transformation_mode", "output_half_pixel"
    )


def _scatter(node: ir.Node, modern: Modernizer) -> None:
    node.op_type = "ScatterElements"


_ARITHMETIC = ("Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor", "Equal", "Greater", "Less")
# (how, which operators, below which opset)
REWRITES: tuple[tuple[Rewrite, tuple[str, ...], int], ...] = (
    (_no_axis_broadcast, _ARITHMETIC, 7),
    (_drop("consumed_inputs", "spatial", "is_test"), ("BatchNormalization", "Dropout"), 9),
    (_drop("broadcast"), ("Gemm",), 7),
    (_drop("consumed_inputs"), ("Relu", "Sigmoid", "Tanh", "Exp", "Log", "Sqrt", "Abs", "Neg", "Elu", "LeakyRelu"), 6),
    (_drop("ratio"), ("Dropout",), 12),
    (_cast, ("Cast",), 6),
    (_reshape, ("Reshape",), 5),
    (_slice, ("Slice",), 10),
    (_top_k, ("TopK",), 10),
    (_resize, ("Upsample",), 99),
    (_resize, ("Resize",), 11),
    (_clip, ("Clip",), 11),
    (_pad, ("Pad",), 11),
    (_scatter, ("Scatter",), 99),
    (_roi_align, ("RoiAlign",), 16),
    (_axes, ("Squeeze", "Unsqueeze", "ReduceSum"), 13),
    (_axes, REDUCTIONS, 18),
    (_split, ("Split",), 18),
    (_softmax, ("Softmax", "LogSoftmax", "Hardmax"), 13),
    (_grid_sample, ("GridSample",), 20),
    (_group_normalization, ("GroupNormalization",), 21),
)
