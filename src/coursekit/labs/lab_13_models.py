"""The ONNX files that lab 13's checks give to learners, and what each computes, in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnx import helper, numpy_helper

from coursekit.labs.onnx_files import build_file, value_info

Array = np.ndarray[Any, Any]


def classifier(
    rng: np.random.Generator, name: str, shape: Sequence[int], width: int
) -> tuple[bytes, Callable[[Array], Array]]:
    """Return an ONNX file, `name` (batch, *shape) float32 to "logits" (batch, 10), and the function that it computes.

    Two matrix products with random weights and a ReLU between; `width` is the number of hidden values.
    """
    inputs = int(np.prod(shape))
    hidden = (rng.standard_normal((inputs, width)) / np.sqrt(inputs)).astype(np.float32)
    weight = (rng.standard_normal((width, 10)) / np.sqrt(width)).astype(np.float32)
    nodes = [
        helper.make_node("Flatten", [name], ["flat"], axis=1),
        helper.make_node("MatMul", ["flat", "hidden"], ["sums"]),
        helper.make_node("Relu", ["sums"], ["active"]),
        helper.make_node("MatMul", ["active", "weight"], ["logits"]),
    ]
    weights = [numpy_helper.from_array(hidden, "hidden"), numpy_helper.from_array(weight, "weight")]
    file = build_file([value_info(name, ["batch", *shape])], nodes, [value_info("logits", ["batch", 10])], weights)

    def compute(batch: Array) -> Array:
        flat = batch.reshape(len(batch), -1).astype(np.float64)
        return (np.maximum(flat @ hidden, 0) @ weight).astype(np.float32)

    return file, compute


def elementwise(name: str, dims: Sequence[int | str]) -> bytes:
    """Return an ONNX file whose input `name` has these dimensions, free where there is a word: relu of it."""
    nodes = [helper.make_node("Relu", [name], ["active"])]
    return build_file([value_info(name, list(dims))], nodes, [value_info("active", list(dims))], [])
