"""Horizontal fusion: convolutions side by side that read one tensor are one convolution with more output channels.

One pass over the input instead of several, and one call of a kernel. TensorRT names the layer
"a + relu_a || b + relu_b".
"""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import onnx_ir as ir

from nogpu.tensorrt.optimizer.merging import MERGED, constant, initializer, integer, is_private, shown, stand_for

SIDE_BY_SIDE = " || "
SHARED_TAILS = {"Relu", "LeakyRelu", "Sigmoid", "Tanh", "HardSwish", "HardSigmoid", "Elu"}  # the same for each channel


def merge_parallel_convolutions(model: ir.Model) -> int:
    """Merge convolutions of one tensor with the same window; return how many went into others.

    Equal activations behind all of them are merged, too. A convolution whose sum with something else follows stays by
    itself: it is one layer with that sum.
    """
    graph = model.graph
    places: dict[Hashable, list[ir.Node]] = {}
    for node in graph:
        key = _key(node)
        if key is not None:
            places.setdefault(key, []).append(node)
    groups = [nodes for nodes in places.values() if len(nodes) > 1]
    for nodes in groups:
        _merge(graph, nodes)
    return sum(len(nodes) - 1 for nodes in groups)


def _key(node: ir.Node) -> Hashable | None:
    """Return what two convolutions must have in common; None for what is never merged."""
    if node.op_type != "Conv" or integer(node, "group", 1) != 1 or node.inputs[0] is None:
        return None
    weight, bias = constant(node.inputs[1]), constant(node.inputs[2]) if len(node.inputs) > 2 else None
    if weight is None or (bias is None and len(node.inputs) > 2 and node.inputs[2] is not None):
        return None
    tail = _tail(node)
    users = [user.op_type for user, _ in node.outputs[0].uses()]
    if is_private(node.outputs[0]) and users == ["Add"]:
        return None
    return id(node.inputs[0]), weight.dtype.str, weight.shape[1:], _settings(node), tail and _settings(tail)


def _tail(node: ir.Node) -> ir.Node | None:
    """Return the activation that alone reads the convolution."""
    value = node.outputs[0]
    user = next(iter(value.uses())).node if is_private(value) else None
    return user if user is not None and user.op_type in SHARED_TAILS else None


def _settings(node: ir.Node) -> Hashable:
    return node.op_type, tuple(sorted((name, str(attribute.value)) for name, attribute in node.attributes.items()))


def _merge(graph: ir.Graph, nodes: list[ir.Node]) -> None:
    weights = [constant(node.inputs[1]) for node in nodes]
    made = [_side_by_side(nodes, [nodes[0].inputs[0], *_joined(graph, nodes)])]
    tails = [tail for tail in map(_tail, nodes) if tail is not None]
    if tails:
        made.append(_side_by_side(tails, [made[-1].outputs[0]]))
    counts = [len(weight) for weight in weights if weight is not None]
    split = ir.node(
        "Split",
        [made[-1].outputs[0], initializer(graph, f"{made[0].name}.split", np.array(counts, np.int64))],
        {"axis": 1},
        num_outputs=len(nodes),
        name=f"{made[0].name} [Split]",
    )
    split.metadata_props[MERGED] = ""  # it stands for no node of the file
    for node in made:
        _describe(node.outputs[0], nodes[0].outputs[0], sum(counts))
    for old, new, count in zip(tails or nodes, split.outputs, counts, strict=True):
        _describe(new, old.outputs[0], count)
        new.name = old.outputs[0].name
        old.outputs[0].replace_all_uses_with(new, replace_graph_outputs=True)
    graph.insert_before(nodes[0], [*made, split])
    graph.remove([*tails, *nodes], safe=True)


def _side_by_side(nodes: list[ir.Node], inputs: list[ir.Value | None]) -> ir.Node:
    """Return one node with the attributes of these, and all their names."""
    name = SIDE_BY_SIDE.join(shown(node) for node in nodes)
    new = ir.node(nodes[0].op_type, inputs, nodes[0].attributes, name=name)
    new.outputs[0].name = SIDE_BY_SIDE.join(str(node.outputs[0].name) for node in nodes)
    stand_for(new, *nodes)
    return new


def _joined(graph: ir.Graph, nodes: list[ir.Node]) -> list[ir.Value]:
    """Return the weights and the biases of all as one."""
    weights = [constant(node.inputs[1]) for node in nodes]
    biases = [constant(node.inputs[2]) if len(node.inputs) > 2 else None for node in nodes]
    zeros = [np.zeros(len(weight), weight.dtype) for weight in weights if weight is not None]
    name = SIDE_BY_SIDE.join(shown(node) for node in nodes)
    filled = [zero if bias is None else bias for zero, bias in zip(zeros, biases, strict=True)]
    parts = {"weight": [weight for weight in weights if weight is not None], "bias": filled}
    return [initializer(graph, f"{name}.{part}", np.concatenate(arrays)) for part, arrays in parts.items()]


def _describe(value: ir.Value, like: ir.Value, channels: int) -> None:
    value.type = like.type
    if like.shape is not None:
        value.shape = ir.Shape([like.shape[0], channels, *like.shape[2:]])
