"""Models on which nogpu.tensorrt and NVIDIA's builder differ, each with the reason.

Found by giving both of them ONNX's own node tests, each in several types (test_oracle.py repeats a part of that). Left
out here are forms that those tests have and hardly any exported network: Scan of opset 8, `mode` of SpaceToDepth (opset
26), TensorScatter, Attention with a cache (opset 24), OneHot whose depth is a graph input, UINT8 in comparisons.
"""

from __future__ import annotations

from collections.abc import Iterator

from corpus_building import INT8, INT64, Case, model, node, one, ones, tensor, value
from onnx import helper

NOT_HERE = "NVIDIA takes one rare form of this operator; nogpu.tensorrt does not have the operator"
REASONS = {
    "short_time_fourier_transform": NOT_HERE,
    "softmax_axis_is_a_fraction": "NVIDIA reads an attribute of the wrong type as 0; we refuse it",
    "a_size_of_2_to_the_40": "NVIDIA cuts the size to 32 bits, which makes it 0, and builds an empty engine",
    "relu_without_output": "NVIDIA's parser ends the process (segmentation fault); ours reports INVALID_NODE",
    "function_that_calls_itself": "NVIDIA's parser ends the process (segmentation fault); ours reports INVALID_GRAPH",
    "matmul_of_int8_constant": "NVIDIA's parser takes it and its builder refuses; nogpu.tensorrt refuses while parsing",
}


def disputed() -> Iterator[Case]:
    """Yield the models; `good` says what nogpu.tensorrt makes of them."""
    window = [tensor("step", 8, INT64), ones("window", 16)]
    yield Case("short_time_fourier_transform", one("STFT", (1, 128, 1), window), False)
    yield Case("softmax_axis_is_a_fraction", one("Softmax", axis=1.5), False)
    yield Case("a_size_of_2_to_the_40", one("Relu", (2**40, 3)), False)
    silent = [helper.make_node("Relu", ["x"], [], name="silent"), node("Relu", "x", "y")]
    yield Case("relu_without_output", model(silent, [value("x")], [value("y")]), False)
    yield Case("function_that_calls_itself", _endless(), False)
    product = one("MatMul", (2, 3), [ones("w", 3, 5, kind=INT8)], kind=INT8)
    yield Case("matmul_of_int8_constant", product, False)


def _endless() -> bytes:
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("own", 1)]
    inner = node("Again", "a", "b", "inner", domain="own")
    function = helper.make_function("own", "Again", ["a"], ["b"], [inner], opsets)
    call = [node("Again", "x", "y", "call", domain="own")]
    return model(call, [value("x")], [value("y")], imports=opsets, functions=[function])
