"""Show what TensorRT's builder made of an ONNX graph: which nodes became which layer of the engine.

Lessons 11 to 13 draw an engine beside the graph that it came from. Everything is read from the engine inspector's JSON
(and the ONNX file), so the same pictures come from a real GPU's engine, built with ProfilingVerbosity.DETAILED.
"""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass
from typing import Any

import onnx
from matplotlib.figure import Figure
from onnx import TensorProto, helper

from coursekit import onnx_graph

DOMAIN = "tensorrt.engine"  # of engine_graph's nodes: they are no ONNX operators
GONE, SINGLE = "gone", "#e6e6e6"  # the label of a node of no layer; the colour of a layer of one node
_TYPES = {  # by what the inspector writes; "bfloat16" contains "float", so it is asked for first
    "bfloat16": TensorProto.BFLOAT16,
    "bf16": TensorProto.BFLOAT16,
    "half": TensorProto.FLOAT16,
    "fp16": TensorProto.FLOAT16,
    "float": TensorProto.FLOAT,
    "fp32": TensorProto.FLOAT,
    "int8": TensorProto.INT8,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "bool": TensorProto.BOOL,
}


@dataclass(frozen=True)
class EngineLayer:
    """One layer of an engine; `nodes` are the names of the ONNX nodes that went into it, in the graph's order."""

    number: int  # counted from 1, in the order in which the layers run
    name: str
    type: str
    nodes: tuple[str, ...]
    inputs: tuple[dict[str, Any], ...]  # the inspector's: Name, Dimensions, Format/Datatype
    outputs: tuple[dict[str, Any], ...]


def engine_layers(model: onnx.ModelProto, engine_information: dict[str, Any] | str) -> list[EngineLayer]:
    """Return the engine's layers with the ONNX nodes of each.

    engine_information: what the inspector's get_engine_information(trt.LayerInformationFormat.JSON) returned, as text
    or read by json.loads. Raises ValueError where it holds names only (profiling_verbosity was not DETAILED).
    """
    told = json.loads(engine_information) if isinstance(engine_information, str) else engine_information
    if "Layers" not in told or not all(isinstance(layer, dict) for layer in told["Layers"]):
        raise ValueError(
            "this engine's inspector knows names only: build it with "
            "config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED"
        )
    order = {node.name: place for place, node in enumerate(model.graph.node)}
    return [
        EngineLayer(
            number=number,
            name=layer["Name"],
            type=layer.get("LayerType", ""),
            nodes=tuple(sorted(_nodes_of(layer) & order.keys(), key=order.__getitem__)),
            inputs=tuple(layer.get("Inputs", ())),
            outputs=tuple(layer.get("Outputs", ())),
        )
        for number, layer in enumerate(told["Layers"], start=1)
    ]


def _nodes_of(layer: dict[str, Any]) -> set[str]:
    """Return the names of a layer's ONNX nodes: from its Metadata, else from its name's form."""
    named = set(re.findall(r"\[ONNX Layer: ([^\]\x1e]*)\]", str(layer.get("Metadata", ""))))
    # "a + b" one after the other, "a || b" side by side, "PWN(a, b)" point by point (TensorRT, "Types of Fusions")
    return named or {part.strip() for part in re.split(r" \+ |\|\||,|PWN\(|\)", layer["Name"])} | {layer["Name"]}


def draw_fusion(model: onnx.ModelProto, engine_information: dict[str, Any] | str, title: str = "") -> Figure:
    """Draw the ONNX graph and the engine's layers side by side; a layer has the number of its nodes, and their colour.

    Layers of one node are grey. A node of no layer is dashed and marked "gone": it was computed when the engine was
    built, or changes nothing.
    """
    layers = engine_layers(model, engine_information)
    labels = {node.name: GONE for node in model.graph.node}
    colors = {GONE: "white"}
    fills = itertools.cycle(color for color in onnx_graph.FILLS if color != SINGLE)
    for layer in layers:
        label = f"layer {layer.number}"
        labels |= dict.fromkeys((*layer.nodes, layer.name), label)
        colors[label] = next(fills) if len(layer.nodes) > 1 else SINGLE
    boxes = sum(node.op_type != "Constant" for node in model.graph.node)
    heads = (f"ONNX: {boxes} nodes", f"engine: {len(layers)} layers")
    engine = engine_graph(model, engine_information)
    return onnx_graph.draw(model, engine, titles=heads, group=labels, shapes=False, title=title, colors=colors)


def engine_graph(model: onnx.ModelProto, engine_information: dict[str, Any] | str) -> onnx.ModelProto:
    """Return the engine as an ONNX graph with one node a layer, for Netron and `onnx_graph.draw`.

    It cannot be computed: a node's operator is TensorRT's layer type, and its weights stay in the engine. The attribute
    `onnx_nodes` lists the nodes that the layer came from.
    """
    layers = engine_layers(model, engine_information)
    given, wanted = {value.name for value in model.graph.input}, {value.name for value in model.graph.output}
    tensors = {tensor["Name"]: tensor for layer in layers for tensor in (*layer.inputs, *layer.outputs)}
    made = {tensor["Name"] for layer in layers for tensor in layer.outputs}
    nodes = []
    for layer in layers:
        ends = [[tensor["Name"] for tensor in side] for side in (layer.inputs, layer.outputs)]
        node = helper.make_node(layer.type or "Layer", ends[0], ends[1], name=layer.name, domain=DOMAIN)
        node.attribute.append(
            helper.make_attribute("onnx_nodes", list(layer.nodes), attr_type=onnx.AttributeProto.STRINGS)
        )
        nodes.append(node)
    starts = [_value(tensor) for name, tensor in tensors.items() if name in given]
    inner = [_value(tensor) for name, tensor in tensors.items() if name in made - wanted]
    graph = helper.make_graph(nodes, "engine", starts, [value for value in model.graph.output], value_info=inner)
    imports = [helper.make_opsetid("", 20), helper.make_opsetid(DOMAIN, 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10, producer_name="coursekit.engine_view")


def _value(tensor: dict[str, Any]) -> onnx.ValueInfoProto:
    """Return a tensor as the inspector describes it ("Float", or "Row major linear FP32" of older releases)."""
    said = str(tensor.get("Format/Datatype", "")).lower()
    kind = next((kind for word, kind in _TYPES.items() if word in said), TensorProto.UNDEFINED)
    sizes = [size if size >= 0 else "batch" for size in tensor.get("Dimensions", [])]
    return helper.make_tensor_value_info(tensor["Name"], kind, sizes)
