"""Scales and shifts by constants (Mul, Add, Sub, Div; IScaleLayer) next to a convolution or matrix product.

What follows goes into the weights and the bias. What precedes does, too: a shift only where no padding is read, for
the zeros around the picture are not shifted.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from nogpu.tensorrt.optimizer import weights
from nogpu.tensorrt.optimizer.merging import constant, is_private, remove_after, sizes, stand_for

OPERATORS = ("Mul", "Add", "Sub", "Div")


def fold_scales(model: ir.Model) -> int:
    """Fold scales and shifts into the weights before or behind them; return how many nodes went."""
    return sum(
        node.op_type in OPERATORS and (_into_what_precedes(model.graph, node) or _into_what_follows(model.graph, node))
        for node in list(model.graph)
    )


def _into_what_precedes(graph: ir.Graph, node: ir.Node) -> bool:
    value, number = _operands(node)
    before = value.producer() if value is not None else None
    linear = weights.read(before) if before is not None else None
    if value is None or before is None or linear is None or not is_private(value):
        return False
    affine = _affine(node.op_type, number, value, linear.channel_axis, len(linear.weight))
    if affine is None or (affine[1].any() and not linear.takes_bias):
        return False
    if not weights.write(graph, linear.scaled_after(*affine)):
        return False
    remove_after(graph, before, node)
    return True


def _into_what_follows(graph: ir.Graph, node: ir.Node) -> bool:
    value, number = _operands(node)
    users = list(node.outputs[0].uses())
    if value is None or not is_private(node.outputs[0]) or users[0].idx != 0:
        return False
    after = users[0].node
    linear = weights.read(after)
    if linear is None:
        return False
    affine = _affine(node.op_type, number, value, linear.channel_axis, linear.inputs)
    if affine is None:
        return False
    if affine[1].any() and (linear.is_padded or not linear.takes_bias or after.op_type == "ConvTranspose"):
        return False
    if not weights.write(graph, linear.scaled_before(*affine)):
        return False
    after.replace_input_with(0, value)
    stand_for(after, node, after)
    graph.remove(node, safe=True)
    return True


def _operands(node: ir.Node) -> tuple[ir.Value | None, np.ndarray | None]:
    """Return what the node scales or shifts, and by which numbers; (None, None) where it does no such thing."""
    numbers = [constant(value) for value in node.inputs]
    if numbers[1] is not None:
        return node.inputs[0], numbers[1]
    if numbers[0] is not None and node.op_type in ("Mul", "Add"):
        return node.inputs[1], numbers[0]
    return None, None


def _affine(
    operator: str, number: np.ndarray | None, value: ir.Value, axis: int, channels: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return scale and shift, both (channels,), where `number` is one for all or one for each channel of `value`."""
    shape = sizes(value.shape)
    if number is None or number.dtype.kind not in "fV" or shape is None or number.ndim > len(shape):
        return None
    if -axis > len(shape) or shape[axis] != channels:
        return None
    if number.size not in (1, channels) or (
        number.size > 1 and (number.ndim < -axis or number.shape[axis] != channels)
    ):
        return None
    each = np.broadcast_to(number.astype(np.float64).reshape(-1), (channels,))
    ones, zeros = np.ones(channels), np.zeros(channels)
    if operator == "Div" and not each.all():
        return None
    return {
        "Mul": lambda: (each, zeros), "Div": lambda: (1 / each, zeros),
        "Add": lambda: (ones, each), "Sub": lambda: (ones, -each),
    }[operator]()  # fmt: skip
