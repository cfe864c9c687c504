"""The small vocabulary in which the corpus of ONNX models is written: tensors, nodes, and models of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, HALF, BF16, DOUBLE = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE
INT8, UINT8, INT32, INT64, BOOL = (
    TensorProto.INT8,
    TensorProto.UINT8,
    TensorProto.INT32,
    TensorProto.INT64,
    TensorProto.BOOL,
)
Ranges = dict[str, tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]]
Given = tuple[str, int, Sequence[int | str] | None]


@dataclass(frozen=True)
class Case:
    """One model of the corpus. `profiles`: one mapping per optimisation profile, input -> (min, opt, max)."""

    name: str
    model: bytes
    good: bool
    profiles: list[Ranges] = field(default_factory=list)


def node(operator: str, inputs: str, outputs: str, name: str | None = None, **attributes: Any) -> onnx.NodeProto:
    """Return a node; inputs and outputs are names separated by blanks, "-" is an input that is left out."""
    names = ["" if one == "-" else one for one in inputs.split()]
    return helper.make_node(operator, names, outputs.split(), name=name or f"the_{operator}", **attributes)


def value(name: str, kind: int = FLOAT, shape: Sequence[int | str] | None = (1, 3, 4, 4)) -> onnx.ValueInfoProto:
    """Return the declaration of an input or output."""
    return helper.make_tensor_value_info(name, kind, shape)


def tensor(name: str, numbers: Any, kind: int = FLOAT) -> onnx.TensorProto:
    """Return an initializer."""
    if kind == BF16:
        array = np.asarray(numbers, dtype=np.float32)
        return helper.make_tensor(name, BF16, array.shape, array.reshape(-1).tolist())
    return numpy_helper.from_array(np.asarray(numbers, dtype=helper.tensor_dtype_to_np_dtype(kind)), name)


def ones(name: str, *shape: int, kind: int = FLOAT) -> onnx.TensorProto:
    """Return an initializer of a given shape; its elements differ."""
    count = int(np.prod(shape))
    return tensor(name, (np.arange(count) % 7 + 1).reshape(shape), kind)


def graph(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    weights: Sequence[onnx.TensorProto] = (),
    name: str = "graph",
) -> onnx.GraphProto:
    """Return a graph, for a model or for the inside of If and Loop."""
    return helper.make_graph(list(nodes), name, list(inputs), list(outputs), list(weights))


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    weights: Sequence[onnx.TensorProto] = (),
    opset: int = 20,
    **more: Any,
) -> bytes:
    """Return the bytes of a model; nothing is checked."""
    imports = more.pop("imports", [helper.make_opsetid("", opset)])
    made = helper.make_model(graph(nodes, inputs, outputs, weights), opset_imports=imports, ir_version=10, **more)
    return bytes(made.SerializeToString())


def one(
    operator: str,
    shape: Sequence[int | str] = (1, 3, 4, 4),
    weights: Sequence[onnx.TensorProto] = (),
    kind: int = FLOAT,
    opset: int = 20,
    out: int | None = None,
    inputs: str | None = None,
    more: Sequence[onnx.ValueInfoProto] = (),
    **attributes: Any,
) -> bytes:
    """Return a model of one node: input x (and `more`), the weights as further inputs, output y."""
    names = inputs or " ".join(["x", *(given.name for given in more), *(weight.name for weight in weights)])
    given = [value("x", kind, shape), *more]
    return model([node(operator, names, "y", **attributes)], given, [value("y", out or kind, None)], weights, opset)


Builder = Callable[[], "bytes | tuple[bytes, list[Ranges]]"]
