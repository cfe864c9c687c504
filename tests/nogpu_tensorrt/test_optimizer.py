"""Each pass keeps every result, against ONNX's reference evaluator, and does what its name says."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import parser
from onnx.reference import ReferenceEvaluator

from nogpu.tensorrt.optimizer import Optimized, optimize
from nogpu.tensorrt.settings import Settings

HEAD = '<ir_version: 10, opset_import: ["": 22]> '
RNG = np.random.default_rng(0)


def weights(**shapes: tuple[int, ...]) -> list[onnx.TensorProto]:
    """Return initializers of random numbers; names ending in _positive are above 0.5."""
    made = []
    for name, shape in shapes.items():
        values = RNG.standard_normal(shape)
        values = np.abs(values) + 0.5 if name.endswith("_positive") else values
        made.append(onnx.numpy_helper.from_array(values.astype(np.float32), name))
    return made


def optimized(text: str, initializers: list[onnx.TensorProto], **inputs: np.ndarray) -> Optimized:
    """Optimise the graph, check that its results are what they were, and return it."""
    model = parser.parse_model(HEAD + text)
    model.graph.initializer.extend(initializers)
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type.lower()}{number}"
    names = {node.name for node in model.graph.node}
    expected = ReferenceEvaluator(model).run(None, inputs)
    model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    result = optimize(ir.from_proto(model), Settings(), lambda severity, text: None)
    got = ReferenceEvaluator(ir.to_proto(result.model)).run(None, inputs)
    for one, two in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)
    merged = [name for layer in result.layers for name in layer.merged]
    assert set(merged) <= names, "a layer stands for what is no node of the file"
    alone = [name for name in merged if "quantize" not in name]  # Q/DQ of shared weights and inputs are copied
    assert len(alone) == len(set(alone)), "a node is in two layers"
    return result


def kinds(result: Optimized) -> list[str]:
    return [node.op_type for node in result.model.graph]


X = RNG.standard_normal((2, 3, 6, 6)).astype(np.float32)


def test_constants_are_computed_and_dead_nodes_go() -> None:
    text = "g (float[2,3] x) => (float[2,3] y) { a = Exp(c) b = Add(a, c) dead = Relu(x) y = Mul(x, b) }"
    assert kinds(optimized(text, weights(c=(3,)), x=np.ones((2, 3), np.float32))) == ["Mul"]


def test_quantised_weights_are_not_folded() -> None:
    text = """g (float[2,3] x) => (float[2,4] y)
        <float s = {0.1}, int8[3,4] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}>
        { d = DequantizeLinear(w, s) y = MatMul(x, d) }"""
    assert kinds(optimized(text, [], x=np.ones((2, 3), np.float32))) == ["DequantizeLinear", "MatMul"]


@pytest.mark.parametrize(
    "nothing",
    ["Identity(x)", "Dropout(x)", "Cast<to=1>(x)", "Transpose<perm=[0,1,2,3]>(x)", "Reshape(x, shape)"],
)
def test_what_changes_nothing_goes(nothing: str) -> None:
    text = f"g (float[2,3,6,6] x) => (float[2,3,6,6] y) <int64[4] shape = {{2,3,6,6}}> {{ a = {nothing} y = Relu(a) }}"
    assert kinds(optimized(text, [], x=X)) == ["Relu"]


@pytest.mark.parametrize("nothing", ["Transpose<perm=[0,1,3,2]>(x)", "Cast<to=1>(h)", "Reshape(x, shape)"])
def test_what_changes_something_stays(nothing: str) -> None:
    text = f"""g (float[2,3,6,6] x) => (float[d,e,f,g] y) <int64[4] shape = {{2,3,4,9}}>
        {{ h = Cast<to=10>(x) a = {nothing} y = Relu(a) }}"""
    assert len(kinds(optimized(text, [], x=X))) > 1


@pytest.mark.parametrize("bias", [", b", ""])
@pytest.mark.parametrize("group", [1, 3])
def test_batch_normalization_goes_into_the_convolution(bias: str, group: int) -> None:
    text = f"""g (float[2,3,6,6] x) => (float[2,6,4,4] y)
        {{ c = Conv<group={group}>(x, w{bias})
           n = BatchNormalization<epsilon=0.01>(c, g, h, m, v_positive) y = Relu(n) }}"""
    values = weights(w=(6, 3 // group, 3, 3), b=(6,), g=(6,), h=(6,), m=(6,), v_positive=(6,))
    result = optimized(text, values, x=X)
    assert kinds(result) == ["Conv", "Relu"]
    assert [layer.name for layer in result.layers] == ["conv0 + relu2"]
    assert result.layers[0].merged == ["conv0", "batchnormalization1", "relu2"]


def test_batch_normalization_goes_into_a_linear_layer() -> None:
    text = """g (float[2,3] x) => (float[2,5] y)
        { c = Gemm<transB=1>(x, w, b) y = BatchNormalization(c, g, h, m, v_positive) }"""
    values = weights(w=(5, 3), b=(5,), g=(5,), h=(5,), m=(5,), v_positive=(5,))
    assert kinds(optimized(text, values, x=X[:, :, 0, 0])) == ["Gemm"]


def test_batch_normalization_stays_where_another_reads_the_convolution() -> None:
    text = """g (float[2,3,6,6] x) => (float[2,6,4,4] y)
        { c = Conv(x, w) n = BatchNormalization(c, g, h, m, v_positive) y = Add(n, c) }"""
    values = weights(w=(6, 3, 3, 3), g=(6,), h=(6,), m=(6,), v_positive=(6,))
    assert "BatchNormalization" in kinds(optimized(text, values, x=X))


def test_padding_goes_into_the_convolution() -> None:
    text = """g (float[2,3,6,6] x) => (float[2,4,8,7] y) <int64[8] p = {0,0,1,0,0,0,2,1}>
        { a = Pad(x, p) y = Conv<pads=[0,1,1,1]>(a, w) }"""
    result = optimized(text, weights(w=(4, 3, 3, 3)), x=X)
    assert kinds(result) == ["Conv"] and result.layers[0].merged == ["pad0", "conv1"]


@pytest.mark.parametrize("pad", ['Pad<mode="reflect">(x, p)', "Pad(x, p, one)"])
def test_other_padding_stays(pad: str) -> None:
    text = f"""g (float[2,3,6,6] x) => (float[2,4,6,6] y) <int64[8] p = {{0,0,1,1,0,0,1,1}}, float one = {{1.0}}>
        {{ a = {pad} y = Conv(a, w) }}"""
    assert kinds(optimized(text, weights(w=(4, 3, 3, 3)), x=X)) == ["Pad", "Conv"]


def test_layers_are_named_as_tensorrt_names_them() -> None:
    text = """g (float[2,3,6,6] x) => (float[2,3,6,6] z)
        { c = Conv<pads=[1,1,1,1]>(x, w) a = Add(c, x) r = Relu(a)
          e = Exp(r) s = Sqrt(e) m = Mul(s, r) p = MaxPool<kernel_shape=[3,3], pads=[1,1,1,1]>(m) z = Neg(p) }"""
    result = optimized(text, weights(w=(3, 3, 3, 3)), x=X)
    names = [(layer.type, layer.name) for layer in result.layers]
    assert names == [
        ("CaskConvolution", "conv0 + add1 + relu2"),
        ("PointWiseV2", "PWN(exp3, sqrt4, mul5)"),
        ("CaskPooling", "maxpool6"),
        ("PointWiseV2", "neg7"),
    ]
    assert result.layers[0].inputs == [{"name": "x", "dtype": "FLOAT", "shape": [2, 3, 6, 6]}]


def test_a_value_that_two_layers_read_ends_a_layer() -> None:
    text = "g (float[2,3,6,6] x) => (float[2,3,4,4] y, float[2,3,4,4] z) { c = Conv(x, w) y = Relu(c) z = Exp(c) }"
    assert len(optimized(text, weights(w=(3, 3, 3, 3)), x=X).layers) == 3
