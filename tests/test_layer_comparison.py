"""Precision as a change of the model, and the error per layer that it brings: against NumPy, with overflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper, parser

import coursekit
from coursekit.layer_comparison import LayerComparison, compare_layers
from coursekit.precision import to_half, to_int8

matplotlib.use("Agg")
HEAD = '<ir_version: 10, opset_import: ["": 20]> '
RNG = np.random.default_rng(0)


def chain(weights: bool = True) -> onnx.ModelProto:
    """Return Gemm, Relu, Gemm with random weights: x (n, 6) -> y (n, 4)."""
    model = parser.parse_model(
        HEAD + "g (float[n,6] x) => (float[n,4] y) { a = Gemm(x, w) b = Relu(a) y = Gemm(b, v) }"
    )
    for name, shape in (("w", (6, 5)), ("v", (5, 4))):
        array = RNG.standard_normal(shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    for node, name in zip(model.graph.node, ("first", "relu", "second"), strict=True):
        node.name = name
    return model


def norm() -> onnx.ModelProto:
    """Return y = x / sqrt(mean(x²)): squares that FP16 cannot hold, and a result that it can."""
    text = """g (float[n,4] x) => (float[n,4] y) <int64[1] axes = {1}>
        { s = Mul(x, x) m = ReduceMean(s, axes) r = Sqrt(m) y = Div(x, r) }"""
    model = parser.parse_model(HEAD + text)
    for node in model.graph.node:
        node.name = node.op_type.lower()
    return model


def types(model: onnx.ModelProto) -> dict[str, int]:
    """Return the type of every value by name."""
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    values = (*inferred.graph.input, *inferred.graph.output, *inferred.graph.value_info)
    return {value.name: value.type.tensor_type.elem_type for value in values}


@pytest.mark.parametrize(("kind", "number", "dtype"), [("FP16", 10, np.float16), ("BF16", 16, ml_dtypes.bfloat16)])
def test_half_rounds_weights_and_types_values(kind: str, number: int, dtype: Any) -> None:
    model = chain()
    half = to_half(model, kind=kind)
    onnx.checker.check_model(half, full_check=True)
    found = types(half)
    assert found["a"] == found["b"] == number and found["x"] == found["y"] == TensorProto.FLOAT
    for before, after in zip(model.graph.initializer, half.graph.initializer, strict=True):
        expected = numpy_helper.to_array(before).astype(dtype).astype(np.float32)
        np.testing.assert_array_equal(numpy_helper.to_array(after).astype(np.float32), expected)


def test_a_kept_node_stays_fp32_with_its_weights() -> None:
    model = chain()
    half = to_half(model, keep=["first"])
    onnx.checker.check_model(half, full_check=True)
    weights = {tensor.name: tensor for tensor in half.graph.initializer}
    np.testing.assert_array_equal(
        numpy_helper.to_array(weights["w"]), numpy_helper.to_array(next(iter(model.graph.initializer)))
    )
    assert weights["v"].data_type == TensorProto.FLOAT16
    first = next(node for node in half.graph.node if node.name == "first")
    assert list(first.input) == ["x", "w"]  # the input itself, not what FP16 leaves of it


def test_neighbours_that_are_kept_hand_on_fp32() -> None:
    half = to_half(norm(), keep=["mul", "reducemean", "sqrt", "div"])
    onnx.checker.check_model(half, full_check=True)
    assert not any(node.op_type == "Cast" for node in half.graph.node)
    assert {node.name: list(node.output) for node in half.graph.node}["div"] == ["y"]


def test_a_name_that_no_node_has() -> None:
    with pytest.raises(ValueError, match=r"'frist'.*first"):
        to_half(chain(), keep=["frist"])
    with pytest.raises(ValueError, match="list of nodes"):
        to_half(chain(), keep="first")
    with pytest.raises(ValueError, match="FP16 or BF16"):
        to_half(chain(), kind="FP8")


def test_the_model_that_was_given_is_not_changed(tmp_path: Path) -> None:
    model = chain()
    before = model.SerializeToString(deterministic=True)
    to_half(model)
    to_int8(model, RNG.standard_normal((8, 6)).astype(np.float32))
    assert model.SerializeToString(deterministic=True) == before
    (tmp_path / "chain.onnx").write_bytes(before)
    assert to_half(tmp_path / "chain.onnx") == to_half(before) == to_half(model)


def test_errors_per_layer_are_those_of_explicit_rounding() -> None:
    model = chain()
    x = RNG.standard_normal((32, 6)).astype(np.float32)
    result = compare_layers(model, "FP32", "FP16", x)
    w, v = (numpy_helper.to_array(tensor).astype(np.float64) for tensor in model.graph.initializer)

    def half(array: np.ndarray) -> np.ndarray:
        return array.astype(np.float16).astype(np.float64)

    wide = np.maximum(x @ w, 0)
    short = half(np.maximum(half(x) @ half(w), 0))
    ends = [(wide, short), (wide @ v, half(short @ half(v)))]
    assert [row.layer for row in result.rows] == ["first + relu", "second"]
    for row, (one, other) in zip(result.rows, ends, strict=True):
        expected = np.sqrt(np.mean((one - other) ** 2) / np.mean(one**2))
        assert row.relative == pytest.approx(expected, rel=0.02) and row.precision == "FP16"
        assert row.max_abs == pytest.approx(np.abs(one - other).max(), rel=0.05) and not row.overflowed
    assert result.left_out == []


def test_int8_errors_are_those_of_integers() -> None:
    model = chain()
    x = RNG.standard_normal((64, 6)).astype(np.float32)
    rows = compare_layers(model, "FP32", "INT8", x).rows
    w = numpy_helper.to_array(model.graph.initializer[0]).astype(np.float64)

    def product(a: np.ndarray, scale_a: float, b: np.ndarray) -> np.ndarray:
        scale_b = np.abs(b).max(0) / 127
        integers = np.clip(np.rint(a / scale_a), -128, 127).astype(int) @ np.rint(b / scale_b).astype(int)
        return integers * scale_a * scale_b

    inner = np.maximum(product(x, np.abs(x).max() / 127, w), 0)
    wide = np.maximum(x @ w, 0)
    short = np.clip(np.rint(inner / (wide.max() / 127)), -128, 127) * (wide.max() / 127)
    assert [row.precision for row in rows] == ["INT8", "INT8"]
    assert rows[0].relative == pytest.approx(np.sqrt(np.mean((wide - short) ** 2) / np.mean(wide**2)), rel=0.05)


def test_an_overflow_is_found_where_it_happens_and_cured_by_keeping_its_layers() -> None:
    x = np.array([[300, 2, -5, 40]], np.float32)
    broken = compare_layers(norm(), to_half(norm()), x)
    assert broken.worst.layer == "mul" and broken.worst.overflowed == 1 and np.isinf(broken.worst.max_abs)
    cured = compare_layers(norm(), to_half(norm(), keep=["mul", "reducemean"]), x)
    assert all(row.overflowed == 0 and row.relative < 1e-3 for row in cured.rows)
    assert {row.layer: row.precision for row in cured.rows}["mul"] == "FP32"


def test_it_shows_itself() -> None:
    x = np.array([[300, 2, -5, 40]], np.float32)
    result = coursekit.compare_layers(norm(), "FP32", "FP16", x)
    assert isinstance(result, LayerComparison) and len(result) == 3
    assert "emulated" in repr(result) and "mul" in repr(result) and "<table>" in result._repr_html_()
    figure = result.figure()
    assert "1 value overflowed" in [text.get_text() for text in figure.axes[0].texts]


def test_what_cannot_be_compared() -> None:
    x = np.ones((2, 6), np.float32)
    with pytest.raises(ValueError, match="FP32, TF32, FP16, BF16, INT8"):
        compare_layers(chain(), "FP32", "FP8", x)
    with pytest.raises(ValueError, match="no layer in common"):
        compare_layers(chain(), renamed(), x)
    with pytest.raises(ValueError, match=r"\['z'\].*\['x'\]"):
        compare_layers(chain(), "FP32", "FP16", {"z": x})


def renamed() -> onnx.ModelProto:
    """Return the same network with other names for its nodes."""
    model = chain()
    for node in model.graph.node:
        node.name += "_other"
    return model
