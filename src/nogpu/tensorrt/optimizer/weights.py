"""A factor and a shift for each channel go into the weights of the matrix product or convolution beside them.

`batch_normalization` and `scales` find such factors; here is the arithmetic. It is done in float64, once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from nogpu.tensorrt.optimizer.merging import constant, initializer, integer


@dataclass(frozen=True)
class Linear:
    """A Conv, ConvTranspose, Gemm or MatMul with constant weights, as float64 and with output channels first.

    `weight`: (outputs, inputs of a group, ...); `bias`: (outputs,), zeros where there is none.
    """

    node: ir.Node
    weight: np.ndarray
    bias: np.ndarray
    groups: int

    @property
    def inputs(self) -> int:
        """How many input channels there are."""
        return int(self.weight.shape[1]) * self.groups

    @property
    def channel_axis(self) -> int:
        """Return the dimension of the channels in its input and output, counted from the end."""
        return 1 - self.weight.ndim

    @property
    def takes_bias(self) -> bool:
        """Say whether the operator has a place for a bias."""
        return self.node.op_type != "MatMul"

    @property
    def is_padded(self) -> bool:
        """Say whether zeros that are not in the input are read too."""
        attributes = self.node.attributes
        if "auto_pad" in attributes and attributes["auto_pad"].as_string() not in ("NOTSET", "VALID"):
            return True
        return "pads" in attributes and any(attributes["pads"].as_ints())

    def scaled_after(self, scale: np.ndarray, shift: np.ndarray) -> Linear:
        """Return what computes scale * y + shift; both (outputs,)."""
        weight = self.weight * scale.reshape(-1, *[1] * (self.weight.ndim - 1))
        return Linear(self.node, weight, self.bias * scale + shift, self.groups)

    def scaled_before(self, scale: np.ndarray, shift: np.ndarray) -> Linear:
        """Return what computes the same of x as this does of scale * x + shift; both (inputs,)."""
        outputs = len(self.weight) // self.groups
        rest = [1] * (self.weight.ndim - 2)
        factors, shifts = (
            np.repeat(each.reshape(self.groups, -1), outputs, axis=0).reshape(*self.weight.shape[:2], *rest)
            for each in (scale, shift)
        )
        moved = (self.weight * shifts).reshape(len(self.weight), -1).sum(axis=1)
        return Linear(self.node, self.weight * factors, self.bias + moved, self.groups)


def read(node: ir.Node) -> Linear | None:
    """Return the node's weights where they can be changed, else None."""
    if node.op_type not in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
        return None
    weight, groups = constant(node.inputs[1]), integer(node, "group", 1)
    if weight is None or weight.dtype.kind not in "fV" or (node.op_type == "ConvTranspose" and groups != 1):
        return None
    if node.op_type == "MatMul" and weight.ndim != 2:
        return None
    if node.op_type == "Gemm" and not _is_plain(node):
        return None
    if _is_turned(node):
        weight = np.swapaxes(weight, 0, 1)
    bias = np.zeros(len(weight))
    if len(node.inputs) > 2 and node.inputs[2] is not None:
        given = constant(node.inputs[2])
        if given is None or given.size not in (1, len(bias)) or given.size != (given.shape or (1,))[-1]:
            return None
        bias = np.broadcast_to(given.astype(np.float64).reshape(-1), bias.shape)
    return Linear(node, weight.astype(np.float64), bias, groups)


def write(graph: ir.Graph, linear: Linear) -> bool:
    """Give the node these weights; False, and no change, where they are too large for its element type."""
    node = linear.node
    kind = constant(node.inputs[1]).dtype  # type: ignore[union-attr]  # read() saw it
    weight = np.swapaxes(linear.weight, 0, 1) if _is_turned(node) else linear.weight
    with np.errstate(over="ignore"):
        made = [np.ascontiguousarray(weight.astype(kind)), linear.bias.astype(kind)]
    if not all(np.isfinite(each.astype(np.float64)).all() for each in made):
        return False
    name = node.name or node.outputs[0].name
    node.replace_input_with(1, initializer(graph, f"{name}.folded_weight", made[0]))
    if linear.takes_bias:
        if len(node.inputs) < 3:
            node.resize_inputs(3)
        node.replace_input_with(2, initializer(graph, f"{name}.folded_bias", made[1]))
    return True


def _is_turned(node: ir.Node) -> bool:
    """Say whether the weights have the input channels first."""
    return node.op_type in ("ConvTranspose", "MatMul") or (node.op_type == "Gemm" and not integer(node, "transB", 0))


def _is_plain(gemm: ir.Node) -> bool:
    """Say whether a Gemm is x · W + b, without factors and without a turned x."""
    factors = [gemm.attributes[name].as_float() for name in ("alpha", "beta") if name in gemm.attributes]
    return all(factor == 1 for factor in factors) and not integer(gemm, "transA", 0)
