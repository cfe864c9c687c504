"""Shapes of outputs where a graph computes them itself, as exporters write `flatten` with a free batch."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from nogpu.tensorrt.execution.executable import Executable

PLAIN = {"name": "plain", "level": "ENABLE_BASIC", "threads": 1}


def flatten_as_exported() -> onnx.ModelProto:
    """Shape, Squeeze, Reshape, Concat: the batch's size goes through a scalar."""
    nodes = [
        helper.make_node("Shape", ["x"], ["size"], start=0, end=1),
        helper.make_node("Squeeze", ["size"], ["batch"]),
        helper.make_node("Reshape", ["batch", "minus_one"], ["batch_list"]),
        helper.make_node("Concat", ["batch_list", "minus_one"], ["wanted"], axis=0),
        helper.make_node("Reshape", ["x", "wanted"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "flatten",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 12])],
        [numpy_helper.from_array(np.array([-1]), "minus_one")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.mark.parametrize("batch", [1, 5, 64])
def test_the_shape_of_a_computed_reshape_is_known_once_the_input_is(batch: int) -> None:
    engine = Executable(flatten_as_exported().SerializeToString(), PLAIN)
    assert engine.output_shapes({"x": (batch, 3, 4)}) == {"y": (batch, 12)}


def test_a_shape_that_depends_on_values_stays_unknown() -> None:
    graph = helper.make_graph(
        [helper.make_node("NonZero", ["x"], ["y"])],
        "nonzero",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])],
        [helper.make_tensor_value_info("y", TensorProto.INT64, [1, "found"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    assert Executable(model.SerializeToString(), PLAIN).output_shapes({"x": (4,)}) == {"y": (1, -1)}
