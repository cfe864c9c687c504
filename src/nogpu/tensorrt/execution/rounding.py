"""True FP16, BF16 and TF32: ONNX Runtime's kernels for x86 compute in FP32 and leave the rounding out.

So the graph is computed in FP32, with weights that are 16-bit numbers, and the output of every layer is rounded to 16
bits and back. Within a layer the sum is kept in FP32, as Tensor Cores keep it. What is too large becomes infinite.
In the body of an If or Loop each node is a layer of its own. TF32 is in `tensor_float`. Weights stay in the plan in
their own type; ONNX Runtime widens them once, when the engine is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx_ir as ir

from nogpu.tensorrt.execution.tensor_float import round_factors
from nogpu.tensorrt.optimizer.layers import Optimized
from nogpu.tensorrt.settings import Settings

SHORT = (ir.DataType.FLOAT16, ir.DataType.BFLOAT16)
WIDE = ir.TensorType(ir.DataType.FLOAT)  # assigned, not changed in place: clones of a graph share their types
ADDED = "nogpu.rounding"
# ONNX Runtime has kernels for these up to opset 21 only, before they had BF16: `lowering` sets such a model back there,
# and its products are computed in FP32 even where TF32 is allowed.
ONLY_UP_TO_21 = {"GlobalLpPool", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "RoiAlign"}
HANDS_ON = {  # operators whose outputs are numbers that were among their inputs: rounded once is rounded
    "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Gather", "GatherND", "GatherElements", "Tile",
    "Concat", "Split", "Expand", "Identity", "MaxPool", "GlobalMaxPool", "ReduceMax", "ReduceMin", "Relu", "Max", "Min",
    "DepthToSpace", "SpaceToDepth", "Neg", "Abs", "Where", "TopK",
}  # fmt: skip


def with_rounding_points(optimized: Optimized, settings: Settings | None = None) -> ir.Model:
    """Return the model to run: the optimised one itself where nothing is to be rounded, else its rounded FP32 form."""
    model = optimized.model
    short = any(value.dtype in SHORT for graph in graphs(model.graph) for value in _values(graph))
    tf32 = settings is not None and settings.tf32 and not _holds_back(model)
    if not short and not tf32:
        return model
    model = model.clone()
    if tf32:
        round_factors(model)
    if short:
        ends = {tensor["name"] for layer in optimized.layers for tensor in layer.outputs}
        rounded: set[int] = set()
        for graph in list(graphs(model.graph)):
            _widen(graph, ends if graph is model.graph else None, rounded)
    return model


def _holds_back(model: ir.Model) -> bool:
    """Say whether the model has an operator without a kernel in the opset that TF32's rounding is written in."""
    return any(node.op_type in ONLY_UP_TO_21 for node in ir.traversal.RecursiveGraphIterator(model.graph))


def graphs(graph: ir.Graph) -> Iterator[ir.Graph]:
    """Yield a graph and the bodies in it, the outer ones first."""
    yield graph
    for node in graph:
        for attribute in node.attributes.values():
            if attribute.type == ir.AttributeType.GRAPH:
                yield from graphs(attribute.as_graph())
            elif attribute.type == ir.AttributeType.GRAPHS:
                for body in attribute.as_graphs():
                    yield from graphs(body)


def _values(graph: ir.Graph) -> list[ir.Value]:
    values = [*graph.inputs, *graph.initializers.values()]
    return values + [output for node in graph for output in node.outputs]


def _widen(graph: ir.Graph, ends: set[str] | None, rounded: set[int]) -> None:
    """Make a graph's 16-bit values FP32, and round those named in `ends` (all, for None). `rounded`: what is already.

    A body takes and hands on FP32 values; the whole graph's inputs and outputs keep their 16 bits.
    """
    for weight in list(graph.initializers.values()):
        if weight.dtype in SHORT:
            rounded.add(id(_read_wide(graph, weight)))
    for value in list(graph.inputs):
        if value.dtype not in SHORT:
            continue
        if ends is not None:
            rounded.add(id(_read_wide(graph, value)))
        else:
            value.type = WIDE
            rounded.add(id(value))
    outputs = {id(value) for value in graph.outputs} if ends is not None else set()
    for node in list(graph):
        if ADDED in node.metadata_props:
            continue
        _widen_attributes(node)
        for value in node.outputs:
            if value.dtype not in SHORT or not isinstance(value.type, ir.TensorType):
                continue
            short = value.dtype
            value.type = WIDE
            handed = node.op_type in HANDS_ON and all(
                id(each) in rounded for each in node.inputs if each is not None and each.dtype == ir.DataType.FLOAT
            )
            if id(value) in outputs:
                rounded.add(id(_narrow_output(graph, node, value, short)))
            elif handed:
                rounded.add(id(value))
            elif ends is None or str(value.name) in ends or node.op_type in ("Cast", "CastLike"):
                rounded.add(id(_round_after(graph, node, value, short)))


def _widen_attributes(node: ir.Node) -> None:
    """Let a node that names a 16-bit type, or carries 16-bit constants, name FP32 instead."""
    for name in ("to", "output_dtype", "dtype"):
        attribute = node.attributes.get(name)
        if attribute is not None and ir.DataType(attribute.as_int()) in SHORT:
            node.attributes[name] = ir.AttrInt64(name, int(ir.DataType.FLOAT))
    tensor = node.attributes.get("value")
    if tensor is not None and tensor.type == ir.AttributeType.TENSOR and tensor.as_tensor().dtype in SHORT:
        numbers = tensor.as_tensor().numpy().astype(np.float32)
        node.attributes["value"] = ir.AttrTensor("value", ir.tensor(numbers))


def _read_wide(graph: ir.Graph, value: ir.Value) -> ir.Value:
    """Let all who read a weight or an input read it widened; return the wide value."""
    users = list(value.uses())
    wide = _cast(graph, value, ir.DataType.FLOAT, before=next(iter(graph), None))
    for user, place in users:
        user.replace_input_with(place, wide)
    return wide


def _round_after(graph: ir.Graph, node: ir.Node, value: ir.Value, short: ir.DataType) -> ir.Value:
    users, places = list(value.uses()), [k for k, output in enumerate(graph.outputs) if output is value]
    narrow = _cast(graph, value, short, after=node)
    producer = narrow.producer()
    assert producer is not None
    wide = _cast(graph, narrow, ir.DataType.FLOAT, after=producer)
    for user, place in users:
        user.replace_input_with(place, wide)
    for place in places:  # of a body: the whole graph's outputs are narrowed instead
        graph.outputs[place] = wide
    return wide


def _narrow_output(graph: ir.Graph, node: ir.Node, value: ir.Value, short: ir.DataType) -> ir.Value:
    """Give a graph output its 16 bits back: the value behind it is now FP32. Return what others then read."""
    name, users = value.name, list(value.uses())
    places = [k for k, output in enumerate(graph.outputs) if output is value]
    value.name = f"{name}_wide"
    narrow = _cast(graph, value, short, after=node)
    narrow.name, narrow.shape = name, value.shape
    for place in places:
        graph.outputs[place] = narrow
    if not users:
        return value
    producer = narrow.producer()
    assert producer is not None
    wide = _cast(graph, narrow, ir.DataType.FLOAT, after=producer)
    for user, at in users:
        user.replace_input_with(at, wide)
    return wide


def _cast(
    graph: ir.Graph, value: ir.Value, kind: ir.DataType, after: ir.Node | None = None, before: ir.Node | None = None
) -> ir.Value:
    node = ir.node("Cast", [value], {"to": int(kind)}, name=f"{value.name} to {kind.name}")
    node.metadata_props[ADDED] = "yes"
    output = node.outputs[0]
    output.name, output.type, output.shape = f"{value.name} to {kind.name}", ir.TensorType(kind), value.shape
    if after is not None:
        graph.insert_after(after, node)
    elif before is not None:
        graph.insert_before(before, node)
    else:
        graph.append(node)
    return output
