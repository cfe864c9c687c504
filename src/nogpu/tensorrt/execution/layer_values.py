"""What every layer of a network computes: for comparing two precisions layer by layer (`coursekit.compare_layers`).

The network goes the engine's own way (parser, optimizer, rounding, ONNX Runtime), with each layer's output read beside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import onnx
import onnx_ir as ir
from onnx import TensorProto, helper

from nogpu.tensorrt.execution.lowering import lower
from nogpu.tensorrt.execution.rounding import with_rounding_points
from nogpu.tensorrt.execution.sessions import open_session
from nogpu.tensorrt.execution.tactics import prepared
from nogpu.tensorrt.optimizer import Layer, optimize
from nogpu.tensorrt.parser.reading import read
from nogpu.tensorrt.settings import Settings

QUANTISING = ("QuantizeLinear", "DequantizeLinear")
PLAIN = {"name": "plain", "level": "ENABLE_ALL", "threads": 0, "integers": "u8s8"}
FLOATS = (ir.DataType.FLOAT, ir.DataType.FLOAT16, ir.DataType.BFLOAT16)


@dataclass(frozen=True)
class LayerValue:
    """One layer's first output, as the layers behind it read it: rounded, or quantised and dequantised."""

    name: str
    type: str
    precision: str  # what it computes in: "FP32", "FP16", "BF16", "INT8"
    nodes: tuple[str, ...]  # the ONNX nodes that it stands for, without Q/DQ and casts
    array: np.ndarray  # float32


def layer_values(model: bytes, inputs: Mapping[str, np.ndarray], tf32: bool = False) -> list[LayerValue]:
    """Return what each layer of the ONNX model computes for these inputs, in the order in which they run.

    Layers without a float output (shapes, indices) and Q/DQ of their own are left out. Raises ValueError when the
    parser refuses the model; its errors are the message.
    """
    reading = read(model)
    if reading.model is None:
        raise ValueError("; ".join(str(problem) for problem in reading.errors))
    kinds = {str(node.name): node.op_type for node in reading.model.graph}  # of nodes that are folded away, too
    optimized = optimize(reading.model, Settings(), lambda severity, text: None)
    graph = optimized.model.graph
    nodes = {str(node.name): node for node in graph}
    produced = {str(output.name): output for node in graph for output in node.outputs}
    found: list[tuple[Layer, tuple[str, ...], ir.Value]] = []
    for layer in optimized.layers:
        names = tuple(name for name in layer.merged if kinds.get(name) not in (*QUANTISING, "Cast"))
        value = produced.get(layer.outputs[0]["name"]) if layer.outputs else None
        if names and value is not None:
            seen = _as_read(value)
            if seen.dtype in FLOATS:
                found.append((layer, names, seen))
    marked = {id(value) for value in graph.outputs}
    for _, _, value in found:
        if id(value) not in marked:
            marked.add(id(value))
            graph.outputs.append(value)
    precisions = [_precision([nodes[name] for name in names if name in nodes], value) for _, names, value in found]
    settings = replace(Settings(), tf32=tf32)
    arrays = _run(
        ir.to_proto(lower(with_rounding_points(optimized, settings))),
        inputs,
        {str(value.name) for _, _, value in found},
    )
    return [
        LayerValue(layer.name, layer.type, precision, names, arrays[str(value.name)])
        for (layer, names, value), precision in zip(found, precisions, strict=True)
    ]


def _as_read(value: ir.Value) -> ir.Value:
    """Return the value behind the Q/DQ through which all of its readers see it; itself where there is none."""
    for kind in QUANTISING:
        users = {user for user, _ in value.uses()}
        if not value.is_graph_output() and users and all(user.op_type == kind for user in users):
            value = next(iter(users)).outputs[0]
    return value


def _precision(nodes: list[ir.Node], value: ir.Value) -> str:
    for node in nodes:
        producers = [each.producer() for each in node.inputs[:2] if each is not None]
        if producers and all(each is not None and each.op_type == "DequantizeLinear" for each in producers):
            return "INT8"
    return {ir.DataType.FLOAT16: "FP16", ir.DataType.BFLOAT16: "BF16"}.get(value.dtype or FLOATS[0], "FP32")


def _run(model: onnx.ModelProto, inputs: Mapping[str, np.ndarray], names: set[str]) -> dict[str, np.ndarray]:
    """Return these outputs of the graph in FP32: NumPy has no BF16, and 16 bits widen without loss."""
    for value in list(model.graph.output):
        if value.name not in names:
            model.graph.output.remove(value)
        elif value.type.tensor_type.elem_type != TensorProto.FLOAT:
            wide = f"{value.name} [FP32]"
            model.graph.node.append(helper.make_node("Cast", [value.name], [wide], wide, to=TensorProto.FLOAT))
            value.name, value.type.tensor_type.elem_type = wide, TensorProto.FLOAT
    session = open_session(prepared(model.SerializeToString(), PLAIN), PLAIN)
    wanted = [value.name for value in session.get_outputs()]
    arrays = dict(zip(wanted, session.run(wanted, dict(inputs)), strict=True))
    return {name.removesuffix(" [FP32]"): array for name, array in arrays.items()}
