"""Zeros around a picture before a convolution: the convolution can pad by itself."""

from __future__ import annotations

import onnx_ir as ir

from nogpu.tensorrt.optimizer.merging import constant, stand_for


def fold_padding(model: ir.Model) -> int:
    """Put each Pad with zeros into the Conv that alone reads it; return how many went."""
    folded = 0
    for node in list(model.graph):
        if node.op_type != "Pad" or node.outputs[0].is_graph_output():
            continue
        users = list(node.outputs[0].uses())
        pads = _spatial_pads(node)
        if pads is None or len(users) != 1 or users[0].node.op_type != "Conv" or users[0].idx != 0:
            continue
        convolution = users[0].node
        if "auto_pad" in convolution.attributes and convolution.attributes["auto_pad"].as_string() != "NOTSET":
            continue
        own = convolution.attributes["pads"].as_ints() if "pads" in convolution.attributes else [0] * len(pads)
        both = [a + b for a, b in zip(own, pads, strict=True)]
        convolution.attributes["pads"] = ir.AttrInt64s("pads", both)
        convolution.replace_input_with(0, node.inputs[0])
        stand_for(convolution, node, convolution)
        model.graph.remove(node, safe=True)
        folded += 1
    return folded


def _spatial_pads(node: ir.Node) -> list[int] | None:
    """Return a Pad's sizes as Conv writes them, or None where it is no padding of the picture with zeros."""
    mode = node.attributes["mode"].as_string() if "mode" in node.attributes else "constant"
    if mode != "constant" or len(node.inputs) < 2 or (len(node.inputs) > 3 and node.inputs[3] is not None):
        return None
    sizes, fill = constant(node.inputs[1]), node.inputs[2] if len(node.inputs) > 2 else None
    if sizes is None:
        return None
    if fill is not None and (fill.const_value is None or fill.const_value.numpy().any()):
        return None
    pads = [int(size) for size in sizes]
    half = len(pads) // 2
    if half < 3 or any(size < 0 for size in pads) or any(pads[k] or pads[half + k] for k in (0, 1)):
        return None
    return [*pads[2:half], *pads[half + 2 :]]
