"""Put an FP32 ONNX model into another precision, in the form that TensorRT 11 builds: types and Q/DQ in the graph.

TensorRT 11 is strongly typed: it computes each layer in the type that the graph says. So a lower precision is a change
of the model, not of the builder. Lessons 12 and 13 use these; lesson 06 shows how Q/DQ is put in.
"""

from __future__ import annotations

import difflib
import io
import logging
import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import onnx.version_converter
from onnx import TensorProto, numpy_helper

Model = onnx.ModelProto | bytes | str | os.PathLike[str]

KINDS = {"FP16": TensorProto.FLOAT16, "BF16": TensorProto.BFLOAT16}
QUANTISED = ("Conv", "Gemm", "MatMul")
NEVER_SHORT = ("NonMaxSuppression", "RoiAlign")  # ONNX defines these on 32-bit floats, or TensorRT takes only those


def to_half(model: Model, keep: Iterable[str] = (), kind: str = "FP16") -> onnx.ModelProto:
    """Return the model with its floats as 16-bit ones: weights, and every value between layers.

    The graph's inputs and outputs stay FP32, and so do the nodes named in `keep`, with casts around them; between two
    neighbours that are both kept the value is FP32, too. kind: "FP16" or "BF16". Weights beyond FP16's largest number,
    65504, become that number (ONNX Runtime's converter does so); values computed on the way are not clipped: they
    become infinite. Raises ValueError for a name in `keep` that no node has.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16

    if kind not in KINDS:
        raise ValueError(f"kind is {' or '.join(KINDS)}, not {kind!r}")
    source = read(model)
    kept = _names_of_nodes(source, keep)
    if kind == "BF16":
        source = _modern(source)
    weights = _constants(source.graph)
    half = convert_float_to_float16(
        source, keep_io_types=True, op_block_list=list(NEVER_SHORT), node_block_list=sorted(kept)
    )
    _join_casts(half.graph)
    _drop_unread_casts(half.graph)
    if kind == "BF16":
        _to_bfloat16(half.graph, weights)
    return _tidied(half)


def to_int8(model: Model, inputs: Mapping[str, np.ndarray] | np.ndarray, keep: Iterable[str] = ()) -> onnx.ModelProto:
    """Return the model with Q/DQ around its convolutions and matrix products, scales calibrated on `inputs` (min-max).

    inputs: arrays by name, or one array where the model has one input; the first axis counts examples, at least as
    many as the model takes at once. The form is the one that TensorRT takes: signed 8 bits, symmetric, weights per
    channel, biases in floats, and Q/DQ only where a layer reads, so that an activation stays fused to what it follows.
    Nodes named in `keep` stay without. Raises ValueError for a name in `keep` that no node has, or too few examples.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    source = read(model)
    kept = _names_of_nodes(source, keep)
    feeds = as_inputs(source, inputs)
    count, batch = min(len(array) for array in feeds.values()), _batch(source)
    if count < batch:
        raise ValueError(f"{count} examples were given to calibrate on, but the model takes {batch} at once")

    class Examples(CalibrationDataReader):
        """One example after the other."""

        def __init__(self) -> None:
            self.place = -batch

        def get_next(self) -> dict[str, np.ndarray] | None:
            """Return the next example (as many as the model takes at once), None at the end."""
            self.place += batch
            here = slice(self.place, self.place + batch)
            return {name: array[here] for name, array in feeds.items()} if here.stop <= count else None

    form: dict[str, Any] = dict.fromkeys(("ActivationSymmetric", "WeightSymmetric", "AddQDQPairToWeight"), True)
    form |= {"QuantizeBias": False, "OpTypesToExcludeOutputQuantization": list(QUANTISED)}
    options: dict[str, Any] = {"activation_type": QuantType.QInt8, "weight_type": QuantType.QInt8, "per_channel": True}
    options |= {"op_types_to_quantize": list(QUANTISED), "nodes_to_exclude": sorted(kept), "extra_options": form}
    root = logging.getLogger()  # the quantiser warns by the root logger of what was just done
    level = root.level
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        before, after = str(Path(folder) / "before.onnx"), str(Path(folder) / "after.onnx")
        onnx.save(source, before)
        root.setLevel(logging.ERROR)
        try:
            quant_pre_process(before, before, skip_symbolic_shape=True)
            quantize_static(before, after, Examples(), **options)
        finally:
            root.setLevel(level)
        return onnx.load(after)


def read(model: Model) -> onnx.ModelProto:
    """Return a model of its own, to be changed at will, from a model, a file's path, or a file's bytes."""
    if isinstance(model, onnx.ModelProto):
        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        return copy
    return onnx.load_model_from_string(model) if isinstance(model, bytes) else onnx.load(os.fspath(model))


def as_inputs(model: onnx.ModelProto, inputs: Mapping[str, np.ndarray] | np.ndarray) -> dict[str, np.ndarray]:
    """Return arrays by the names of the model's inputs. Raises ValueError where they do not fit."""
    weights = {tensor.name for tensor in model.graph.initializer}
    names = [value.name for value in model.graph.input if value.name not in weights]
    if not isinstance(inputs, Mapping):
        if len(names) != 1:
            raise ValueError(f"the model has the inputs {', '.join(names)}: pass a dict of arrays by these names")
        inputs = {names[0]: inputs}
    if set(inputs) != set(names):
        raise ValueError(f"arrays were given for {sorted(inputs)}, but the model's inputs are {names}")
    return {name: np.ascontiguousarray(array) for name, array in inputs.items()}


def _batch(model: onnx.ModelProto) -> int:
    """Return the first axis's size of the model's first input; 1 where it is free."""
    shape = model.graph.input[0].type.tensor_type.shape.dim
    return max(shape[0].dim_value, 1) if shape else 1


def _names_of_nodes(model: onnx.ModelProto, keep: Iterable[str]) -> set[str]:
    """Return `keep` as a set. Raises ValueError when one of them is no node's name, with the nearest that is."""
    if isinstance(keep, str):
        raise ValueError(f"keep is a list of nodes' names, such as [{keep!r}], not one string")
    kept, names = set(keep), {node.name for node in model.graph.node if node.name}
    for name in sorted(kept - names):
        near = difflib.get_close_matches(name, names, 3) or sorted(names)[:3]
        raise ValueError(f"no node of the model is called {name!r}; there are, for example, {', '.join(near)}")
    return kept


def _modern(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model in opset 22, the first whose convolutions and pools may be BF16, or in its own, if younger."""
    if all(entry.version >= 22 for entry in model.opset_import if entry.domain in ("", "ai.onnx")):
        return model
    return onnx.version_converter.convert_version(model, 22)


def _constants(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    """Return the weights of a graph by name, and the tensors of its Constant nodes by the name of their output."""
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].HasField("t"):
            found[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return found


def _join_casts(graph: onnx.GraphProto) -> None:
    """Let a kept node read FP32 values themselves, not by way of casts: an input, a kept neighbour's, a kept weight.

    The converter casts them to 16 bits and back; and it writes one cast for each of two readers, under one name.
    """
    casts = {node.output[0]: node for node in graph.node if node.op_type == "Cast"}
    wide = {tensor.name for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT}
    wide |= {value.name for value in graph.input if value.type.tensor_type.elem_type == TensorProto.FLOAT}
    wide |= {name for node in graph.node for name in node.output if name.endswith(KEPT_BEFORE)}

    def source(name: str) -> str:
        """Return the FP32 value that casts make `name` of; `name` itself where they make it of none."""
        before = casts[name].input[0] if name in casts and _casts_to(casts[name], TensorProto.FLOAT) else ""
        if before in casts and _casts_to(casts[before], TensorProto.FLOAT16):
            before = casts[before].input[0]
        return before if before in wide else name

    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = source(name)
    ends = {value.name: source(value.name) for value in graph.output}
    ends = {name: kept for name, kept in ends.items() if kept.endswith(KEPT_BEFORE)}
    twins: set[str] = set()
    for node in list(graph.node):
        if node.op_type == "Cast" and (node.output[0] in twins or node.output[0] in ends):
            graph.node.remove(node)
        elif node.op_type == "Cast":
            twins.add(node.output[0])
    for name, kept in ends.items():
        for node in graph.node:
            for names in (node.input, node.output):
                names[:] = [name if each == kept else each for each in names]


KEPT_BEFORE = "_cast_to_fp16"  # the converter's ending for a kept node's output, before its cast


def _drop_unread_casts(graph: onnx.GraphProto) -> None:
    outputs = {value.name for value in graph.output}
    while True:
        names = {name for node in graph.node for name in _reads(node)} | outputs
        unread = [node for node in graph.node if node.op_type == "Cast" and node.output[0] not in names]
        if not unread:
            return
        for node in unread:
            graph.node.remove(node)


def _casts_to(node: onnx.NodeProto | None, kind: int) -> bool:
    return node is not None and node.op_type == "Cast" and any(a.name == "to" and a.i == kind for a in node.attribute)


def _to_bfloat16(graph: onnx.GraphProto, weights: Mapping[str, np.ndarray]) -> None:
    """Make each FP16 type of the graph BF16; weights are rounded anew, from their FP32 values."""
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT16:
            tensor.CopyFrom(_bfloat16(weights[tensor.name], tensor.name))
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.type.tensor_type.elem_type == TensorProto.FLOAT16:
            value.type.tensor_type.elem_type = TensorProto.BFLOAT16
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.name in ("to", "dtype", "output_dtype") and attribute.i == TensorProto.FLOAT16:
                attribute.i = TensorProto.BFLOAT16
            if attribute.HasField("t") and attribute.t.data_type == TensorProto.FLOAT16:
                array = weights.get(node.output[0]) if node.op_type == "Constant" else None
                wide = numpy_helper.to_array(attribute.t) if array is None else array
                attribute.t.CopyFrom(_bfloat16(wide, attribute.t.name))
            for body in (attribute.g, *attribute.graphs):
                _to_bfloat16(body, {**weights, **_constants(body)})


def _bfloat16(array: np.ndarray, name: str) -> TensorProto:
    short = array.astype(ml_dtypes.bfloat16)
    return onnx.helper.make_tensor(name, TensorProto.BFLOAT16, short.shape, short.tobytes(), raw=True)


def _tidied(model: onnx.ModelProto) -> onnx.ModelProto:
    """Put the nodes in order of use (the converter appends its casts at the end) and write the types down anew."""
    makers = {name: node for node in model.graph.node for name in node.output}
    ordered: list[onnx.NodeProto] = []
    done: set[int] = set()
    for last in model.graph.node:
        waiting = [last]
        while waiting:
            node = waiting[-1]
            missing = [makers[name] for name in _reads(node) if name in makers and id(makers[name]) not in done]
            if not missing:
                waiting.pop()
                if id(node) not in done:
                    done.add(id(node))
                    ordered.append(node)
            elif len(waiting) > len(model.graph.node):
                raise ValueError("the model's graph has a cycle")
            else:
                waiting += missing
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in ordered]
    del model.graph.node[:]
    model.graph.node.extend(copies)
    del model.graph.value_info[:]
    return onnx.shape_inference.infer_shapes(model)


def _reads(node: onnx.NodeProto) -> Iterable[str]:
    """Yield what a node reads, and what the nodes in its bodies read (their own values, too, which nobody else has)."""
    yield from node.input
    for attribute in node.attribute:
        for body in (attribute.g, *attribute.graphs):
            for inner in body.node:
                yield from _reads(inner)
