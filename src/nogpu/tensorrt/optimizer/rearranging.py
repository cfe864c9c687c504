"""Transposes behind transposes are one transpose, reshapes behind reshapes one reshape with a target that is known.

Exporters compute the target of a reshape from the shape of a tensor (Shape, Gather, Concat, Reshape) even where all its
sizes but one are known; then -1 says the same, and the computation is dead code.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from nogpu.tensorrt.optimizer.merging import constant, initializer, replace, sizes, stand_for

RESHAPES = ("Reshape", "Flatten", "Squeeze", "Unsqueeze")


def join_transposes(model: ir.Model) -> int:
    """Let each Transpose of a Transpose read what the first one reads; return how many now do."""
    joined = 0
    for node in model.graph:
        value = node.inputs[0] if node.op_type == "Transpose" else None
        before = value.producer() if value is not None else None
        if value is None or before is None or before.op_type != "Transpose" or before.inputs[0] is None:
            continue
        first, second = _order(before), _order(node)
        if first is None or second is None:
            continue
        node.attributes["perm"] = ir.AttrInt64s("perm", [first[axis] for axis in second])
        node.replace_input_with(0, before.inputs[0])
        if not value.uses() and not value.is_graph_output():
            stand_for(node, before, node)
        joined += 1
    return joined


def join_reshapes(model: ir.Model) -> int:
    """Let each chain of reshapes be one Reshape to a constant target; return how many nodes were rewritten."""
    rewritten = 0
    for node in list(model.graph):
        if node.op_type not in RESHAPES or node.inputs[0] is None:
            continue
        target = _target(node.outputs[0])
        source, passed = _source(node)
        known = node.op_type != "Reshape" or constant(node.inputs[1]) is not None
        if target is None or (source is node.inputs[0] and known):
            continue
        numbers = initializer(model.graph, f"{node.name}.target", np.array(target, np.int64))
        stand_for(node, *passed, node)
        replace(model.graph, [node], ir.node("Reshape", [source, numbers], name=node.name))
        rewritten += 1
    return rewritten


def _order(node: ir.Node) -> list[int] | None:
    """Return a Transpose's order; without one it turns all dimensions round."""
    if "perm" in node.attributes:
        return list(node.attributes["perm"].as_ints())
    shape = node.inputs[0].shape if node.inputs[0] is not None else None
    return None if shape is None else list(range(len(shape)))[::-1]


def _source(node: ir.Node) -> tuple[ir.Value, list[ir.Node]]:
    """Return what the first reshape of the chain before `node` reads, and those of the chain that only it reads."""
    value, passed, alone = node.inputs[0], list[ir.Node](), True
    assert value is not None
    while (before := value.producer()) is not None and before.op_type in RESHAPES and before.inputs[0] is not None:
        alone = alone and len(value.uses()) == 1 and not value.is_graph_output()
        passed += [before] if alone else []
        value = before.inputs[0]
    return value, passed[::-1]


def _target(value: ir.Value) -> list[int] | None:
    """Return a value's shape as Reshape takes it: one size may be unknown, none may be zero."""
    shape = sizes(value.shape)
    if shape is None or shape.count(None) > 1 or 0 in shape:
        return None
    return [-1 if size is None else size for size in shape]
