"""True FP16 and BF16: ONNX Runtime's kernels for x86 compute 16-bit graphs in 32 bits and leave the rounding out.

So the graph is computed in FP32, with weights that are 16-bit numbers, and the output of every layer is rounded to 16
bits and back. Within a layer the sum is kept in FP32, as Tensor Cores keep it. What is too large becomes infinite.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from nogpu.tensorrt.optimizer.layers import Optimized

SHORT = (ir.DataType.FLOAT16, ir.DataType.BFLOAT16)
WIDE = ir.TensorType(ir.DataType.FLOAT)  # assigned, not changed in place: clones of a graph share their types


def with_rounding_points(optimized: Optimized) -> ir.Model:
    """Return the model to run: the optimised one itself where no value has 16 bits, else its rounded FP32 form."""
    model = optimized.model
    values = [*model.graph.inputs, *model.graph.initializers.values()]
    values += [output for node in model.graph for output in node.outputs]
    if not any(value.dtype in SHORT for value in values):
        return model
    model = model.clone()
    ends = {tensor["name"] for layer in optimized.layers for tensor in layer.outputs}
    return _rewritten(model, ends)


def _rewritten(model: ir.Model, ends: set[str]) -> ir.Model:
    graph = model.graph
    for weight in list(graph.initializers.values()):
        if weight.dtype in SHORT and weight.const_value is not None:
            numbers = weight.const_value.numpy().astype(np.float32)
            weight.const_value, weight.type = ir.tensor(numbers, name=weight.name), WIDE
    for value in list(graph.inputs):
        if value.dtype in SHORT:
            users = list(value.uses())
            wide = _cast_after(graph, value, ir.DataType.FLOAT, before=next(iter(graph), None))
            for user, place in users:
                user.replace_input_with(place, wide)
    outputs = {id(value) for value in graph.outputs}
    for node in list(graph):
        if node.metadata_props.get(ADDED):
            continue
        if node.op_type in ("Cast", "DequantizeLinear", "QuantizeLinear"):
            _widen_type_attributes(node)
        for value in node.outputs:
            if value.dtype not in SHORT:
                continue
            short = value.dtype
            value.type = WIDE
            if id(value) in outputs:
                _narrow_output(graph, node, value, short)
            elif str(value.name) in ends or node.op_type == "Cast":
                _round_after(graph, node, value, short)
    return model


ADDED = "nogpu.rounding"


def _widen_type_attributes(node: ir.Node) -> None:
    for name in ("to", "output_dtype"):
        attribute = node.attributes.get(name)
        if attribute is not None and ir.DataType(attribute.as_int()) in SHORT:
            node.attributes[name] = ir.AttrInt64(name, int(ir.DataType.FLOAT))


def _round_after(graph: ir.Graph, node: ir.Node, value: ir.Value, short: ir.DataType) -> None:
    users = list(value.uses())
    narrow = _cast_after(graph, value, short, after=node)
    producer = narrow.producer()
    assert producer is not None
    wide = _cast_after(graph, narrow, ir.DataType.FLOAT, after=producer)
    for user, place in users:
        user.replace_input_with(place, wide)


def _narrow_output(graph: ir.Graph, node: ir.Node, value: ir.Value, short: ir.DataType) -> None:
    """Give a graph output its 16 bits back: the value behind it is now FP32."""
    name, users = value.name, list(value.uses())
    place = next(k for k, output in enumerate(graph.outputs) if output is value)
    value.name = f"{name}_wide"
    narrow = _cast_after(graph, value, short, after=node)
    narrow.name, narrow.shape = name, value.shape
    graph.outputs[place] = narrow
    if users:
        producer = narrow.producer()
        assert producer is not None
        wide = _cast_after(graph, narrow, ir.DataType.FLOAT, after=producer)
        for user, at in users:
            user.replace_input_with(at, wide)


def _cast_after(
    graph: ir.Graph, value: ir.Value, kind: ir.DataType, after: ir.Node | None = None, before: ir.Node | None = None
) -> ir.Value:
    node = ir.node("Cast", [value], {"to": int(kind)}, name=f"{value.name} to {kind.name}")
    node.metadata_props[ADDED] = "yes"
    node.outputs[0].dtype, node.outputs[0].shape = kind, value.shape
    if after is not None:
        graph.insert_after(after, node)
    elif before is not None:
        graph.insert_before(before, node)
    else:
        graph.append(node)
    return node.outputs[0]
