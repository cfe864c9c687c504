"""BatchNormalization after a convolution is a scale and a shift of each output channel: both go into its weights."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from nogpu.tensorrt.optimizer import weights
from nogpu.tensorrt.optimizer.merging import constant, integer, is_private, remove_after


def fold_batch_normalization(model: ir.Model) -> int:
    """Fold each BatchNormalization that follows a convolution with constant weights; return how many went."""
    folded = 0
    for node in list(model.graph):
        if node.op_type != "BatchNormalization" or integer(node, "training_mode", 0):
            continue
        before = node.inputs[0].producer() if node.inputs[0] is not None else None
        if before is None or not is_private(before.outputs[0]) or any(output.uses() for output in node.outputs[1:]):
            continue
        linear, affine = weights.read(before), _affine(node)
        if linear is None or affine is None or not linear.takes_bias:
            continue
        if weights.write(model.graph, linear.scaled_after(*affine)):
            remove_after(model.graph, before, node)
            folded += 1
    return folded


def _affine(norm: ir.Node) -> tuple[np.ndarray, np.ndarray] | None:
    parts = [constant(value) for value in norm.inputs[1:5]]
    if any(part is None for part in parts):
        return None
    gamma, beta, mean, variance = (np.asarray(part, np.float64) for part in parts)
    epsilon = norm.attributes["epsilon"].as_float() if "epsilon" in norm.attributes else 1e-5
    scale = gamma / np.sqrt(variance + epsilon)
    return scale, beta - mean * scale
