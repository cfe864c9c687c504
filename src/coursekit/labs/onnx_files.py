"""ONNX files for the checks of lab 05: opens a learner's file with care, and builds the files that learners are given.

Files come from the learner as bytes, and a file may be anybody's. They are computed by ONNX's reference evaluator,
which is written in Python and independent of both PyTorch and ONNX Runtime.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from coursekit.checks import Wrong, require

LARGEST_FILE = 4 << 20  # bytes; the files asked for here have a few thousand
OPSET, IR_VERSION = 20, 10
Array = np.ndarray[Any, Any]


def open_file(file: Any, function: str) -> onnx.ModelProto:
    """Return the model in a learner's file if it is one that may be computed here; Wrong otherwise."""
    if not isinstance(file, bytes):
        kind = getattr(file, "type_name", type(file).__name__)
        raise Wrong(
            f"{function} should return the file's content as bytes; it returned a value of type {kind}",
            "`program.model_proto.SerializeToString()` for what torch exports; `ir.to_proto(model)` first for onnx_ir.",
        )
    require(len(file) <= LARGEST_FILE, f"The file has {len(file):,} bytes; a few thousand are enough for this model")
    try:
        model = onnx.load_model_from_string(file)
        _expect_all_inside(model)
        onnx.checker.check_model(model)
    except Wrong:
        raise
    except Exception as error:  # protobuf's and the checker's exceptions have no common class
        said = " ".join(str(error).split())[:200]
        hint = "Run `onnx.checker.check_model` yourself after each edit."
        raise Wrong(f"onnx.checker refuses the file: {said}", hint) from None
    for graph in graphs(model.graph):
        strange = [n.op_type for n in graph.node if n.domain not in ("", "ai.onnx") or n.op_type in ("Loop", "Scan")]
        what = f"The operator {(strange or [''])[0]} has no place in this model"
        require(not strange, what, "ONNX's own operators are enough, without loops.")
    return model


def _expect_all_inside(model: onnx.ModelProto) -> None:
    for graph in graphs(model.graph):
        tensors = [*graph.initializer, *(attribute.t for node in graph.node for attribute in node.attribute)]
        outside = [tensor.name for tensor in tensors if tensor.data_location == TensorProto.EXTERNAL]
        what = f"The weight {(outside or [''])[0]} is not in the file but in a second one beside it"
        hint = "`torch.onnx.export` with a path puts the weights there; without one it returns a program to serialise."
        require(not outside, what, hint)


def graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """Yield the graph and every graph inside its nodes."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from graphs(attribute.g)


def _dims(value: onnx.ValueInfoProto) -> list[int | str]:
    return [d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in value.type.tensor_type.shape.dim]


def expect_signature(model: onnx.ModelProto, name: str, dtype: int, hint: str) -> None:
    """Demand one input `name` (batch free, 1, 8, 8) of the dtype and one output "logits"."""
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    outputs = [value.name for value in model.graph.output]
    names = [value.name for value in inputs]
    require(names == [name], f'The file\'s inputs should be ["{name}"]; they are {names}', hint)
    what = f'The file\'s outputs should be ["logits"]; they are {outputs}'
    require(outputs == ["logits"], what, hint)
    kind = inputs[0].type.tensor_type.elem_type
    said = TensorProto.DataType.Name(kind)
    require(kind == dtype, f"The input {name} should be {TensorProto.DataType.Name(dtype)}; it is {said}", hint)
    dims = _dims(inputs[0])
    require(dims[1:] == [1, 8, 8], f"The input {name} should have the shape (free, 1, 8, 8); it has {dims}", hint)
    what = f"The batch of the input {name} is fixed: its shape is {dims}"
    require(isinstance(dims[0], str), what, "Dimension 0 has to be declared free: a name, not a number.")


def compute(model: onnx.ModelProto, feed: Array) -> Array:
    """Return the file's first output for one input array; Wrong if the file cannot be computed with it."""
    name = model.graph.input[0].name
    try:
        answers: Any = ReferenceEvaluator(model).run(None, {name: feed})
    except Exception as error:  # whatever an operator's own code raises on operands that do not fit
        said = " ".join(str(error).split())[:160]
        hint = "A size that was true of the example only may sit in the graph as a constant."
        if "type mismatch" in said:
            hint = "A constant has to be of the type that it is computed with: `np.float32(...)` for float."
        raise Wrong(f"The file cannot be computed for an input of shape {feed.shape}: {said}", hint) from None
    return np.asarray(answers[0])


def build_file(inputs: list[Any], nodes: list[onnx.NodeProto], outputs: list[Any], weights: list[TensorProto]) -> bytes:
    """Return a valid ONNX file of these parts."""
    graph = helper.make_graph(nodes, "lab", inputs, outputs, weights)
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def value_info(name: str, dims: list[int | str], dtype: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    """Return the declaration of an input or output; a dimension with a name is free."""
    return helper.make_tensor_value_info(name, dtype, dims)


def normal(rng: np.random.Generator, *shape: int) -> Array:
    """Return normally distributed numbers of this shape, float32."""
    return rng.standard_normal(shape).astype(np.float32)


def nested_file(rng: np.random.Generator) -> bytes:
    """Return a file with a graph in a graph in a graph, and initialisers of several types and both kinds of storage."""
    small, inner, wide = int(rng.integers(3, 6)), int(rng.integers(7, 11)), int(rng.integers(12, 20))

    def chain(operator: str, start: str, end: str, count: int) -> list[onnx.NodeProto]:
        names = [start, *(f"{end}_{operator}_{i}" for i in range(count - 1)), end]
        return [helper.make_node(operator, [a], [b]) for a, b in itertools.pairwise(names)]

    def branch(name: str, nodes: list[onnx.NodeProto], weights: list[TensorProto]) -> onnx.GraphProto:
        return helper.make_graph(nodes, name, [], [value_info(name, ["n", small])], weights)

    repeats = rng.integers(2, 6, size=4).tolist()
    deep = branch("deep", chain("Abs", "x", "deep", repeats[0]), [])
    shallow = branch("shallow", chain("Neg", "x", "shallow", repeats[1]), [])
    addend = helper.make_tensor("addend", TensorProto.FLOAT, [small], normal(rng, small).tolist())  # kept as float_data
    inside = [
        helper.make_node("Add", ["x", "addend"], ["sum"]),
        helper.make_node("If", ["switch"], ["then"], then_branch=deep, else_branch=shallow),
    ]
    then = branch("then", inside, [addend])
    unused = numpy_helper.from_array(normal(rng, inner), "inner_only")
    other = branch("other", [*chain("Relu", "x", "other", repeats[2])], [unused])
    nodes = [
        *chain("Exp", "x", "y", repeats[3]),
        helper.make_node("Greater", ["limit", "zero"], ["switch"]),
        helper.make_node("If", ["switch"], ["z"], then_branch=then, else_branch=other),
        helper.make_node("Cast", ["half"], ["full"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["z", "target"], ["out"]),
    ]
    weights = [
        numpy_helper.from_array(np.array(0.25, dtype=np.float32), "limit"),
        numpy_helper.from_array(np.array(0.0, dtype=np.float32), "zero"),
        numpy_helper.from_array(normal(rng, wide).astype(np.float16), "half"),
        numpy_helper.from_array(rng.standard_normal((2, wide)), "double"),
        numpy_helper.from_array(np.array([-1, small], dtype=np.int64), "target"),
        numpy_helper.from_array(normal(rng, wide, small), "matrix"),
    ]
    return build_file([value_info("x", ["n", small])], nodes, [value_info("out", ["n", small])], weights)
