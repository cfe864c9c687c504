"""Nodes that change nothing: Identity, Dropout, casts to the same type, transposes and reshapes to what is there."""

from __future__ import annotations

import onnx_ir as ir


def remove_identities(model: ir.Model) -> int:
    """Let the users of such a node read its input instead; return how many went."""
    removed = 0
    outputs = {id(value) for value in model.graph.outputs}
    for node in list(model.graph):
        source = node.inputs[0] if node.inputs else None
        if source is None or not _changes_nothing(node, source) or id(node.outputs[0]) in outputs:
            continue
        node.outputs[0].replace_all_uses_with(source)
        model.graph.remove(node, safe=True)
        removed += 1
    return removed


def _changes_nothing(node: ir.Node, source: ir.Value) -> bool:
    if node.op_type == "Identity":
        return True
    if node.op_type == "Dropout":
        return all(not output.uses() for output in node.outputs[1:]) and len(node.inputs) < 3
    if node.op_type == "Cast":
        return source.dtype is not None and source.dtype == node.outputs[0].dtype
    if node.op_type == "Transpose":
        order = node.attributes.get("perm")
        return order is not None and list(order.as_ints()) == list(range(len(order.as_ints())))
    if node.op_type == "Reshape":
        before, after = source.shape, node.outputs[0].shape
        known = before is not None and after is not None and all(isinstance(size, int) for size in (*before, *after))
        return bool(known and before == after)
    return False
