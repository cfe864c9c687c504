"""BatchNormalization after a convolution is a scale and a shift of each output channel: both go into its weights."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

FOLDS_INTO = {"Conv", "Gemm"}  # ConvTranspose has its output channels elsewhere, and with groups in pieces


def fold_batch_normalization(model: ir.Model) -> int:
    """Fold each BatchNormalization that follows a convolution with constant weights; return how many went."""
    folded = 0
    outputs = {id(value) for value in model.graph.outputs}
    for node in list(model.graph):
        if node.op_type != "BatchNormalization" or node.inputs[0] is None:
            continue
        if "training_mode" in node.attributes and node.attributes["training_mode"].as_int():
            continue
        before = node.inputs[0].producer()
        if before is None or before.op_type not in FOLDS_INTO or len(node.inputs[0].uses()) != 1:
            continue
        if id(node.inputs[0]) in outputs or any(output.uses() for output in node.outputs[1:]):
            continue
        if _fold(model.graph, before, node):
            folded += 1
    return folded


def _fold(graph: ir.Graph, convolution: ir.Node, norm: ir.Node) -> bool:
    weight = _constant(convolution.inputs[1])
    bias = _constant(convolution.inputs[2]) if len(convolution.inputs) > 2 and convolution.inputs[2] else None
    parts = [_constant(value) for value in norm.inputs[1:5]]
    has_bias = len(convolution.inputs) > 2 and convolution.inputs[2] is not None
    if weight is None or (has_bias and bias is None) or any(part is None for part in parts):
        return False
    if convolution.op_type == "Gemm" and not _is_plain(convolution):
        return False
    gamma, beta, mean, variance = (np.asarray(part, np.float64) for part in parts)
    epsilon = norm.attributes["epsilon"].as_float() if "epsilon" in norm.attributes else 1e-5
    scale = gamma / np.sqrt(variance + epsilon)
    channel_last = convolution.op_type == "Gemm" and not _transposed(convolution)
    shape = (1, -1) if channel_last else (-1, *[1] * (weight.ndim - 1))
    scaled = (weight.astype(np.float64) * scale.reshape(shape)).astype(weight.dtype)
    shift = beta - mean * scale + (0 if bias is None else bias.astype(np.float64) * scale)
    name = convolution.name or convolution.outputs[0].name
    values = [
        _initializer(graph, f"{name}.folded_weight", scaled),
        _initializer(graph, f"{name}.folded_bias", shift.astype(weight.dtype)),
    ]
    if len(convolution.inputs) < 3:
        convolution.resize_inputs(3)
    convolution.replace_input_with(1, values[0])
    convolution.replace_input_with(2, values[1])
    norm.outputs[0].replace_all_uses_with(convolution.outputs[0], replace_graph_outputs=True)
    merged = [*str(convolution.metadata_props.get(MERGED, convolution.name)).split("\n"), norm.name]
    convolution.metadata_props[MERGED] = "\n".join(str(each) for each in merged)
    graph.remove(norm, safe=True)
    return True


MERGED = "nogpu.merged"  # the names of the nodes that a node now stands for, one a line


def _initializer(graph: ir.Graph, name: str, array: np.ndarray) -> ir.Value:
    while name in graph.initializers:
        name += "_"
    value = ir.Value(name=name, const_value=ir.tensor(array, name=name))
    value.shape, value.dtype = ir.Shape(array.shape), ir.DataType.from_numpy(array.dtype)
    graph.register_initializer(value)
    return value


def _constant(value: ir.Value | None) -> np.ndarray | None:
    if value is None or value.const_value is None or value.is_graph_input():
        return None
    return value.const_value.numpy()


def _is_plain(gemm: ir.Node) -> bool:
    """Say whether a Gemm is x · W + b, without factors and without a turned x."""
    factors = [gemm.attributes[name].as_float() for name in ("alpha", "beta") if name in gemm.attributes]
    turned = gemm.attributes["transA"].as_int() if "transA" in gemm.attributes else 0
    return all(factor == 1 for factor in factors) and not turned


def _transposed(gemm: ir.Node) -> bool:
    return bool(gemm.attributes["transB"].as_int()) if "transB" in gemm.attributes else False
