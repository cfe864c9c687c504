"""Fusions that replace nodes by others: scales, transposes, reshapes, GELU, LayerNormalization, parallel convolutions.

As in test_optimizer, `optimized` compares the results with ONNX's reference evaluator before and after each time.
"""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from test_optimizer import RNG, X, kinds, optimized, weights

import nogpu.tensorrt as trt
from nogpu.tensorrt.optimizer import Optimized

W = {"w": (4, 3, 3, 3), "b": (4,)}


def only_layer(result: Optimized) -> list[str]:
    """Return what the one layer of the engine stands for."""
    [layer] = result.layers
    return layer.merged


@pytest.mark.parametrize(
    "scale",
    ["Mul(c, s)", "Mul(s, c)", "Div(c, s)", "Add(c, s)", "Add(s, c)", "Sub(c, s)", "Mul(c, one)", "Add(c, one)"],
)
@pytest.mark.parametrize("bias", ["", ", b"])
def test_a_scale_behind_a_convolution_goes_into_its_weights(scale: str, bias: str) -> None:
    text = f"g (float[2,3,6,6] x) => (float[2,4,4,4] y) <float one = {{3.0}}> {{ c = Conv(x, w{bias}) y = {scale} }}"
    result = optimized(text, weights(**W, s=(4, 1, 1)), x=X)
    assert kinds(result) == ["Conv"] and len(only_layer(result)) == 2


@pytest.mark.parametrize("lead", ["Gemm(x, w, b)", "Gemm<transB=1>(x, t, b)", "MatMul(x, w)"])
@pytest.mark.parametrize("scale", ["Mul(c, s)", "Div(c, one)"])
def test_a_scale_behind_a_matrix_product_goes_into_its_weights(lead: str, scale: str) -> None:
    text = f"g (float[2,3] x) => (float[2,5] y) <float[1] one = {{3.0}}> {{ c = {lead} y = {scale} }}"
    result = optimized(text, weights(w=(3, 5), t=(5, 3), b=(5,), s=(1, 5)), x=X[:, :, 0, 0])
    assert kinds(result) == [lead[: lead.index("(")].split("<")[0]]


def test_a_scale_and_a_shift_behind_a_transposed_convolution() -> None:
    text = """g (float[2,3,6,6] x) => (float[2,5,8,8] z)
        { c = ConvTranspose(x, w) y = Mul(c, s) z = Add(y, t) }"""
    result = optimized(text, weights(w=(3, 5, 3, 3), s=(1, 5, 1, 1), t=(5, 1, 1)), x=X)
    assert kinds(result) == ["ConvTranspose"] and only_layer(result) == ["convtranspose0", "mul1", "add2"]


@pytest.mark.parametrize("scale", ["Sub(c, s)", "Div(c, s)"])
def test_what_is_no_scale_of_the_convolution_stays(scale: str) -> None:
    """The constant is the first operand, has one number for each column, or makes the output larger."""
    turned = scale.replace("(c, s)", "(s, c)")
    text = f"g (float[2,3,6,6] x) => (float[d,e,f,g] y) {{ c = Conv(x, w, b) y = {turned} }}"
    assert len(kinds(optimized(text, weights(**W, s=(4, 1, 1)), x=X))) == 2
    for shape in ((4,), (4, 4), (1, 4, 4, 4), (3, 1, 1, 1, 1)):
        text = text.replace(turned, scale)
        assert len(kinds(optimized(text, weights(**W, s=shape), x=X))) == 2


def test_a_scale_behind_a_convolution_of_one_channel_stays_where_it_makes_more_of_them() -> None:
    text = "g (float[2,3,6,6] x) => (float[2,4,4,4] y) { c = Conv(x, w) y = Mul(c, s) }"
    assert len(kinds(optimized(text, weights(w=(1, 3, 3, 3), s=(4, 1, 1)), x=X))) == 2


@pytest.mark.parametrize("scale", ["Mul(x, s)", "Div(x, s)", "Mul(x, one)"])
@pytest.mark.parametrize("group", [1, 3])
def test_a_scale_before_a_convolution_goes_into_its_weights(scale: str, group: int) -> None:
    text = f"""g (float[2,3,6,6] x) => (float[2,6,6,6] y) <float one = {{3.0}}>
        {{ c = {scale} y = Conv<group={group}, pads=[1,1,1,1]>(c, w, b) }}"""
    result = optimized(text, weights(w=(6, 3 // group, 3, 3), b=(6,), s=(1, 3, 1, 1)), x=X)
    assert kinds(result) == ["Conv"] and only_layer(result)[1] == "conv1"


@pytest.mark.parametrize(("pads", "left"), [(0, 1), (1, 2)])
def test_a_shift_before_a_convolution_goes_into_it_only_without_padding(pads: int, left: int) -> None:
    text = f"""g (float[2,3,6,6] x) => (float[d,e,f,g] y)
        {{ c = Sub(x, s) y = Conv<pads=[{pads},{pads},{pads},{pads}]>(c, w, b) }}"""
    assert len(kinds(optimized(text, weights(**W, s=(3, 1, 1)), x=X))) == left


def test_a_scale_that_two_nodes_read_stays() -> None:
    text = "g (float[2,3,6,6] x) => (float[2,4,4,4] y, float[2,3,6,6] z) { c = Mul(x, s) y = Conv(c, w) z = Relu(c) }"
    assert "Mul" in kinds(optimized(text, weights(**W, s=(3, 1, 1)), x=X))


def test_a_scale_of_what_others_read_too_stays() -> None:
    text = "g (float[2,3,6,6] x) => (float[2,4,4,4] y, float[2,4,4,4] z) { c = Conv(x, w) y = Mul(c, s) z = Relu(c) }"
    assert "Mul" in kinds(optimized(text, weights(**W, s=(4, 1, 1)), x=X))


def test_a_scale_that_makes_more_channels_before_a_convolution_stays() -> None:
    text = "g (float[2,1,6,6] x) => (float[2,4,4,4] y) { c = Mul(x, s) y = Conv(c, w) }"
    assert kinds(optimized(text, weights(**W, s=(3, 1, 1)), x=X[:, :1])) == ["Mul", "Conv"]


def test_a_shift_before_a_transposed_convolution_stays() -> None:
    """At its borders fewer inputs meet: the shift's part differs."""
    text = "g (float[2,3,6,6] x) => (float[2,5,8,8] y) { c = Add(x, s) y = ConvTranspose(c, w) }"
    assert kinds(optimized(text, weights(w=(3, 5, 3, 3), s=(3, 1, 1)), x=X)) == ["Add", "ConvTranspose"]


def test_weights_that_a_scale_would_make_infinite_stay() -> None:
    text = "g (float16[1,1] x) => (float16[1,1] y) { c = MatMul(x, w) y = Mul(c, s) }"
    large = np.array([[60000]], np.float16)
    values = [onnx.numpy_helper.from_array(large, "w"), onnx.numpy_helper.from_array(large[0], "s")]
    assert kinds(optimized(text, values, x=np.array([[1e-6]], np.float16))) == ["MatMul", "Mul"]


def test_a_scale_layer_behind_a_convolution_is_one_layer() -> None:
    logger = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    x = network.add_input("x", trt.float32, (1, 3, 6, 6))
    w, scale = RNG.standard_normal((4, 3, 3, 3)).astype(np.float32), np.arange(1, 5, dtype=np.float32)
    convolution = network.add_convolution_nd(x, 4, (3, 3), w)
    norm = network.add_scale(convolution.get_output(0), trt.ScaleMode.CHANNEL, scale, scale)
    relu = network.add_activation(norm.get_output(0), trt.ActivationType.RELU)
    convolution.name, norm.name, relu.name = "conv", "norm", "relu"
    network.mark_output(relu.get_output(0))
    engine = builder.build_engine_with_config(network, builder.create_builder_config())
    assert engine.num_layers == 1
    inspector = engine.create_engine_inspector()
    assert inspector.get_layer_information(0, trt.LayerInformationFormat.JSON) == '"conv + relu"'


def test_joined_transposes_and_what_is_left_of_them() -> None:
    text = """g (float[2,3,4,5] x) => (float[5,3,4,2] y)
        { a = Transpose<perm=[0,2,3,1]>(x) b = Transpose<perm=[2,3,1,0]>(a) y = Relu(b) }"""
    result = optimized(text, [], x=X[:, :, :4, :5])
    assert kinds(result) == ["Transpose", "Relu"] and result.layers[0].merged == ["transpose0", "transpose1"]
    there_and_back = "{ a = Transpose<perm=[0,2,3,1]>(x) b = Transpose<perm=[0,3,1,2]>(a) y = Relu(b) }"
    text = f"g (float[2,3,4,5] x) => (float[2,3,4,5] y) {there_and_back}"
    assert kinds(optimized(text, [], x=X[:, :, :4, :5])) == ["Relu"]
    without_order = "{ a = Transpose(x) b = Transpose(a) y = Relu(b) }"
    assert kinds(optimized(text.replace(there_and_back, without_order), [], x=X[:, :, :4, :5])) == ["Relu"]


def test_a_transpose_that_others_read_stays_for_them() -> None:
    text = """g (float[2,3,4,5] x) => (float[5,4,3,2] y, float[2,3,4,5] z)
        { a = Transpose(x) b = Transpose(a) y = Relu(a) z = Relu(b) }"""
    assert sorted(kinds(optimized(text, [], x=X[:, :, :4, :5]))) == ["Relu", "Relu", "Transpose"]


CHAINS = {"Reshape(f, s)": "float[6,20]", "Unsqueeze(f, one)": "float[2,1,60]", "Flatten<axis=2>(u)": "float[2,60]"}


@pytest.mark.parametrize("last", CHAINS)
def test_joined_reshapes(last: str) -> None:
    text = f"""g (float[2,3,4,5] x) => ({CHAINS[last]} y) <int64[2] s = {{6, 20}}, int64[1] one = {{1}}>
        {{ f = Flatten(x) u = Unsqueeze(f, one) b = {last} y = Relu(b) }}"""
    result = optimized(text, [], x=X[:, :, :4, :5])
    assert kinds(result) == ["Reshape", "Relu"] and len(result.layers[0].merged) > 1


def test_a_target_with_a_size_of_zero_stays() -> None:
    """0 in a target means the input's size there, which another input would have otherwise."""
    text = """g (float[2,0,3] x) => (float[0,3] y) <int64[2] s = {0, 6}, int64[2] t = {0, 3}>
        { f = Reshape<allowzero=1>(x, s) r = Reshape<allowzero=1>(f, t) y = Relu(r) }"""
    assert kinds(optimized(text, [], x=np.zeros((2, 0, 3), np.float32))) == ["Reshape", "Reshape", "Relu"]


def test_a_target_that_is_computed_from_the_input_s_shape() -> None:
    """As torch exports a flatten of an input with a free batch."""
    text = """g (float[n,3,6,6] x) => (float[n,108] y) <int64[1] rest = {-1}, int64 zero = {0}, int64[1] front = {0},
        float[n,108] r>
        { s = Shape(x) n = Gather(s, zero) m = Unsqueeze(n, front) t = Concat<axis=0>(m, rest) r = Reshape(x, t)
          y = Relu(r) }"""
    result = optimized(text, [], x=X)
    assert kinds(result) == ["Reshape", "Relu"] and [layer.name for layer in result.layers] == ["reshape4", "relu5"]


def test_what_only_computes_shapes_is_no_layer() -> None:
    text = """g (float[n,k,6,6] x) => (float[a,b] y) <int64[1] rest = {-1}, int64[1] front = {1}, int64[1] two = {2}>
        { s = Shape(x) c = Slice(s, front, two) t = Concat<axis=0>(rest, c) r = Reshape(x, t) y = Relu(r) }"""
    result = optimized(text, [], x=X)
    assert "Shape" in kinds(result) and [layer.name for layer in result.layers] == ["reshape3", "relu4"]


ERF = {
    "torch": "d = Div(x, r) e = Erf(d) a = Add(e, one) m = Mul(x, a) y = Mul(m, half)",
    "turned": "d = Div(x, r) e = Erf(d) a = Add(one, e) m = Mul(a, x) y = Mul(half, m)",
    "half first": "d = Div(x, r) e = Erf(d) a = Add(e, one) m = Mul(x, half) y = Mul(m, a)",
    "half last": "d = Mul(x, q) e = Erf(d) a = Add(e, one) m = Mul(half, a) y = Mul(x, m)",
}
TANH = {
    "torch": """c = Pow(x, three) k = Mul(c, f) i = Add(x, k) s = Mul(i, g) t = Tanh(s) a = Add(t, one)
        m = Mul(x, half) y = Mul(m, a)""",
    "keras": """p = Mul(x, x) c = Mul(x, p) k = Mul(f, c) i = Add(k, x) s = Mul(g, i) t = Tanh(s) a = Add(one, t)
        m = Mul(half, a) y = Mul(x, m)""",
}
NUMBERS = """float r = {1.4142135}, float q = {0.70710677}, float one = {1.0}, float half = {0.5}, float three = {3.0},
    float f = {0.044715}, float g = {0.7978846}"""


@pytest.mark.parametrize("form", [*ERF.values(), *TANH.values()], ids=[*ERF, *(f"tanh, {name}" for name in TANH)])
def test_gelu_written_out(form: str) -> None:
    result = optimized(f"g (float[2,3,6,6] x) => (float[2,3,6,6] y) <{NUMBERS}> {{ {form} }}", [], x=2 * X)
    assert kinds(result) == ["Gelu"] and len(only_layer(result)) == form.count("=")
    assert result.layers[0].name == f"PWN({', '.join(result.layers[0].merged)})"


@pytest.mark.parametrize("number", ["1.4142135", "1.0", "0.5"])
def test_what_is_almost_gelu_stays(number: str) -> None:
    numbers = NUMBERS.replace(f"{{{number}}}", "{0.9}")
    assert "Gelu" not in kinds(
        optimized(f"g (float[6] x) => (float[6] y) <{numbers}> {{ {ERF['torch']} }}", [], x=X[0, 0, 0])
    )
    read_inside = ERF["torch"] + " z = Neg(e)"
    text = f"g (float[6] x) => (float[6] y, float[6] z) <{NUMBERS}> {{ {read_inside} }}"
    assert "Gelu" not in kinds(optimized(text, [], x=X[0, 0, 0]))


NORM = """m = ReduceMean(x, axes) d = Sub(x, m) p = {square} v = ReduceMean(p, axes) e = Add(v, epsilon) s = Sqrt(e)
    {divide} """


@pytest.mark.parametrize("square", ["Pow(d, two)", "Mul(d, d)"])
@pytest.mark.parametrize("divide", ["n = Div(d, s)", "i = Reciprocal(s) n = Mul(i, d)"])
@pytest.mark.parametrize("axes", ["int64[1] axes = {-1}", "int64[2] axes = {2, 3}"])
@pytest.mark.parametrize("tail", ["y = Mul(n, gamma)", "g = Mul(gamma, n) y = Add(g, beta)"])
def test_layer_normalization_written_out(square: str, divide: str, axes: str, tail: str) -> None:
    body = NORM.format(square=square, divide=divide) + tail
    shape = (6,) if "-1" in axes else (6, 6)
    text = f"""g (float[2,3,6,6] x) => (float[2,3,6,6] y) <{axes}, float two = {{2.0}}, float epsilon = {{0.01}}>
        {{ {body} }}"""
    result = optimized(text, weights(gamma=shape, beta=shape), x=X)
    assert kinds(result) == ["LayerNormalization"] and len(only_layer(result)) == body.count("=")
    assert result.layers[0].type == "Normalization"


def test_a_normalization_of_the_channels_stays() -> None:
    body = NORM.format(square="Mul(d, d)", divide="n = Div(d, s)") + "y = Mul(n, gamma)"
    text = f"""g (float[2,3,6,6] x) => (float[2,3,6,6] y) <int64[1] axes = {{1}}, float epsilon = {{0.01}}>
        {{ {body} }}"""
    assert "LayerNormalization" not in kinds(optimized(text, weights(gamma=(3, 1, 1)), x=X))


@pytest.mark.parametrize(
    ("mean", "shape"), [("ReduceMean(x, two_axes)", (6, 6)), ("ReduceMean<keepdims=0>(x, axes)", (6,))]
)
def test_what_subtracts_another_mean_is_no_layer_normalization(mean: str, shape: tuple[int, ...]) -> None:
    body = NORM.replace("ReduceMean(x, axes)", mean).format(square="Mul(d, d)", divide="n = Div(d, s)")
    numbers = "int64[1] axes = {3}, int64[2] two_axes = {2, 3}, float epsilon = {0.01}"
    text = f"g (float[1,1,6,6] x) => (float[1,1,6,6] y) <{numbers}> {{ {body} y = Mul(n, gamma) }}"
    left = kinds(optimized(text, weights(gamma=shape), x=X[:1, :1]))
    assert "LayerNormalization" not in left


@pytest.mark.parametrize("order", ["Add(m, b)", "Add(b, m)"])
def test_a_matrix_product_and_its_bias(order: str) -> None:
    text = f"g (float[2,3] x) => (float[2,5] y) {{ m = MatMul(x, w) a = {order} y = Relu(a) }}"
    result = optimized(text, weights(w=(3, 5), b=(5,)), x=X[:, :, 0, 0])
    assert kinds(result) == ["Gemm", "Relu"] and result.layers[0].name == "matmul0 + add1 + relu2"
    assert only_layer(result) == ["matmul0", "add1", "relu2"]


def test_a_matrix_product_of_more_dimensions_and_its_bias_are_one_layer() -> None:
    text = "g (float[2,3,6,6] x) => (float[2,3,6,5] y) { m = MatMul(x, w) y = Add(m, b) }"
    result = optimized(text, weights(w=(6, 5), b=(5,)), x=X)
    assert kinds(result) == ["MatMul", "Add"] and only_layer(result) == ["matmul0", "add1"]


def test_what_is_added_is_no_bias() -> None:
    text = "g (float[2,3] x) => (float[2,5] y) { m = MatMul(x, w) y = Add(m, b) }"
    assert kinds(optimized(text, weights(w=(3, 5), b=(2, 5)), x=X[:, :, 0, 0])) == ["MatMul", "Add"]


def test_parallel_convolutions_become_one() -> None:
    text = """g (float[2,3,6,6] x) => (float[2,4,4,4] y, float[2,5,4,4] z, float[2,4,4,4] a)
        { c = Conv(x, w, b) d = Conv(x, v) e = Conv(x, w, b) p = Relu(c) q = Relu(d) r = Relu(e)
          y = MaxPool<kernel_shape=[1,1]>(p) z = Exp(q) a = Neg(r) }"""
    result = optimized(text, weights(**W, v=(5, 3, 3, 3)), x=X)
    assert sorted(kinds(result)) == sorted(["Conv", "Relu", "Split", "MaxPool", "Exp", "Neg"])
    first = result.layers[0]
    assert first.name == "conv0 + relu3 || conv1 + relu4 || conv2 + relu5"
    assert first.merged == ["conv0", "conv1", "conv2", "relu3", "relu4", "relu5"] and len(first.outputs) == 3
    assert len(result.layers) == 4


def test_parallel_convolutions_whose_outputs_are_the_graph_s() -> None:
    text = """g (float[2,3,6,6] x) => (float[2,4,4,4] c, float[2,5,4,4] z)
        { c = Conv(x, w, b) d = Conv(x, v) z = Exp(d) }"""
    result = optimized(text, weights(**W, v=(5, 3, 3, 3)), x=X)
    assert [layer.name for layer in result.layers] == ["conv0 || conv1", "exp2"]


def test_a_layer_ends_where_merged_convolutions_part() -> None:
    text = """g (float[2,3,6,6] x) => (float[2,4,4,4] y, float[2,5,4,4] z)
        { c = Conv(x, w, b) d = Conv(x, v) y = Softplus(c) z = Clip(d) }"""
    result = optimized(text, weights(**W, v=(5, 3, 3, 3)), x=X)
    assert [layer.name for layer in result.layers] == ["conv0 || conv1", "softplus2", "clip3"]


def test_convolutions_whose_sum_follows_or_with_groups_stay_by_themselves() -> None:
    text = """g (float[2,3,6,6] x, float[2,3,4,4] r) => (float[2,3,4,4] y, float[2,3,4,4] z)
        { c = Conv(x, w) d = Conv(x, v) y = Add(c, r) z = Add(r, d) }"""
    more = {"r": X[:, :, :4, :4]}
    result = optimized(text, weights(w=(3, 3, 3, 3), v=(3, 3, 3, 3)), x=X, **more)
    assert [layer.name for layer in result.layers] == ["conv0 + add2", "conv1 + add3"]
    text = """g (float[2,3,6,6] x) => (float[2,3,4,4] y, float[2,6,4,4] z)
        { c = Conv<group=3>(x, w) d = Conv<group=3>(x, v) y = Neg(c) z = Neg(d) }"""
    assert kinds(optimized(text, weights(w=(3, 1, 3, 3), v=(6, 1, 3, 3)), x=X)).count("Conv") == 2


def test_parallel_convolutions_with_different_activations_stay() -> None:
    text = """g (float[2,3,6,6] x) => (float[2,4,4,4] y, float[2,5,4,4] z)
        { c = Conv(x, w, b) d = Conv(x, v) y = Relu(c) z = Tanh(d) }"""
    result = optimized(text, weights(**W, v=(5, 3, 3, 3)), x=X)
    assert [layer.name for layer in result.layers] == ["conv0 + relu2", "conv1 + tanh3"]


@pytest.mark.parametrize(
    "other", ["Conv<strides=[2,2]>(x, v)", "Conv<group=3>(x, u)", "Conv<pads=[1,1,1,1]>(x, k)", "Conv(t, v)"]
)
def test_convolutions_with_another_window_or_input_stay(other: str) -> None:
    text = f"""g (float[2,3,6,6] x) => (float[2,4,4,4] y, float[d,e,f,g] z)
        {{ t = Exp(x) y = Conv(x, w, b) d = {other} z = Neg(d) }}"""
    values = weights(**W, v=(4, 3, 3, 3), u=(3, 1, 3, 3), k=(4, 3, 5, 5))
    assert kinds(optimized(text, values, x=X)).count("Conv") == 2
