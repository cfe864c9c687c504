"""Precision against an independent reference: PyTorch in float64 with explicit rounding, NumPy's integers for INT8.

Bounds, for one layer: FP16 and BF16 differ from the reference by at most one step of the type (a sum in FP32 and one in
float64 may round to neighbours), TF32 by FP32's own rounding, INT8 by one level, and that seldom.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from engines import Recorder
from onnx import TensorProto, helper, numpy_helper, parser
from torch import Tensor

import nogpu.tensorrt as trt
from coursekit.precision import to_half, to_int8
from nogpu.tensorrt.execution import integers
from nogpu.tensorrt.execution.tensor_float import to_tf32

HEAD = '<ir_version: 10, opset_import: ["": 20]> '
HALVES = {"FP16": torch.float16, "BF16": torch.bfloat16}
STEP = {"FP16": 2.0**-10, "BF16": 2.0**-7}  # from one number to the next, relative to the number, at most
RNG = np.random.default_rng(5)


def computed(model: onnx.ModelProto, feeds: dict[str, np.ndarray], tf32: bool = False) -> list[np.ndarray]:
    """Build an engine of the model, run it, and return its outputs."""
    logger = Recorder()
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    assert trt.OnnxParser(network, logger).parse(model.SerializeToString()), logger.errors
    config = builder.create_builder_config()
    config.builder_optimization_level = 0  # the first tactic, untimed
    if not tf32:
        config.clear_flag(trt.BuilderFlag.TF32)
    profile = builder.create_optimization_profile()
    for name, array in feeds.items():
        profile.set_shape(name, array.shape, array.shape, array.shape)
    config.add_optimization_profile(profile)
    plan = builder.build_serialized_network(network, config)
    assert plan is not None, logger.errors
    engine = trt.Runtime(logger).deserialize_cuda_engine(plan)
    context = engine.create_execution_context()
    for name, array in feeds.items():
        assert context.set_input_shape(name, array.shape)
    names = [engine.get_tensor_name(k) for k in range(engine.num_io_tensors)]
    outputs = [
        np.zeros(tuple(context.get_tensor_shape(name)), trt.nptype(engine.get_tensor_dtype(name)))
        for name in names[len(feeds) :]
    ]
    given = [np.ascontiguousarray(feeds[name]) for name in names[: len(feeds)]]
    assert context.execute_v2([array.ctypes.data for array in (*given, *outputs)])
    return outputs


def model_of(text: str, **weights: np.ndarray) -> onnx.ModelProto:
    """Return the model of a text, with these weights and with its nodes named after their first output."""
    model = parser.parse_model(HEAD + text)
    for name, array in weights.items():
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    for node in model.graph.node:
        node.name = node.output[0]
    return model


def random(*shape: int) -> np.ndarray:
    """Return standard normal float32 numbers."""
    return RNG.standard_normal(shape).astype(np.float32)


def double(array: np.ndarray) -> Tensor:
    """Return the numbers in float64."""
    return torch.from_numpy(array).double()


def rounded(values: Tensor, kind: str) -> Tensor:
    """Return float64 numbers rounded to FP16 or BF16: too large ones become infinite."""
    return values.float().to(HALVES[kind]).double()


# Small networks: text, weights, and the layers of the reference, each a function of what came before.
Layers = list[Callable[[Tensor, dict[str, Tensor]], Tensor]]
conv = torch.nn.functional.conv2d
NETWORKS: dict[str, tuple[str, dict[str, np.ndarray], Layers]] = {
    "convolution": (
        "g (float[2,3,9,9] x) => (float[2,4,5,5] y) { y = Conv<strides=[2,2], pads=[1,1,1,1]>(x, w, b) }",
        {"w": random(4, 3, 3, 3), "b": random(4)},
        [lambda x, p: conv(x, p["w"], p["b"], 2, 1)],
    ),
    "two fused convolutions": (
        """g (float[2,3,9,9] x) => (float[2,2,7,7] y)
            { a = Conv<pads=[1,1,1,1]>(x, w, b) r = Relu(a) c = Conv(r, v) y = Relu(c) }""",
        {"w": random(4, 3, 3, 3), "b": random(4), "v": random(2, 4, 3, 3)},
        [lambda x, p: conv(x, p["w"], p["b"], 1, 1).relu(), lambda x, p: conv(x, p["v"]).relu()],
    ),
    "products": (
        "g (float[6,40] x) => (float[6,7] y) { a = MatMul(x, w) r = Relu(a) y = Gemm(r, v, c) }",
        {"w": random(40, 20), "v": random(20, 7), "c": random(7)},
        [lambda x, p: (x @ p["w"]).relu(), lambda x, p: x @ p["v"] + p["c"]],
    ),
    "softmax": (
        "g (float[6,10] x) => (float[6,4] y) { a = MatMul(x, w) y = Softmax(a) }",
        {"w": random(10, 4)},
        [lambda x, p: x @ p["w"], lambda x, p: x.softmax(-1)],
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("kind", HALVES)
def test_16_bits_are_rounded_after_every_layer(name: str, kind: str) -> None:
    text, weights, layers = NETWORKS[name]
    model = model_of(text, **weights)
    x = random(*(d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim))
    expected = rounded(double(x), kind)
    parameters = {key: rounded(double(array), kind) for key, array in weights.items()}
    for layer in layers:
        expected = rounded(layer(expected, parameters), kind)
    (y,) = computed(to_half(model, kind=kind), {"x": x})
    error = np.abs(y - expected.numpy()) / np.maximum(np.abs(expected.numpy()), np.abs(expected.numpy()).max() / 8)
    assert error.max() <= STEP[kind] * len(layers)
    assert (rounded(double(y), kind).numpy() == y).all()  # nothing but numbers of the type comes out
    assert np.abs(y - computed(model, {"x": x})[0]).max() > 0  # and it is not FP32


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "softmax"])
def test_tf32_rounds_the_factors_and_nothing_else(name: str) -> None:
    text, weights, layers = NETWORKS[name]
    model = model_of(text, **weights)
    x = random(*(d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim))
    factors = {key: double(to_tf32(array) if key in "wv" else array) for key, array in weights.items()}
    expected = double(x)
    for layer in layers:
        expected = layer(double(to_tf32(expected.float().numpy())), factors)
    (y,) = computed(model, {"x": x}, tf32=True)
    largest = expected.abs().max().item()
    np.testing.assert_allclose(y, expected.numpy(), rtol=0, atol=3e-5 * largest if len(layers) > 1 else 2e-6 * largest)
    (plain,) = computed(model, {"x": x})
    assert 1e-5 * largest < np.abs(y - plain).max() < 5e-3 * largest


def test_tf32_keeps_ten_bits() -> None:
    ones = np.array([1 + 2**-10, 1 + 2**-11, 1 + 2**-12, -1 - 2**-11, 3e38, 2.0**-130, 0, np.inf, -np.inf], np.float32)
    wanted = [1 + 2**-10, 1 + 2**-10, 1, -1 - 2**-10, to_tf32(np.float32([3e38]))[0], 2.0**-130, 0, np.inf, -np.inf]
    np.testing.assert_array_equal(to_tf32(ones), np.array(wanted, np.float32))
    assert np.isnan(to_tf32(np.array([np.nan], np.float32))).all()
    text = "g (float[9,1] x) => (float[9,1] y) { y = MatMul(x, w) }"
    (y,) = computed(model_of(text, w=np.ones((1, 1), np.float32)), {"x": ones.reshape(9, 1)}, tf32=True)
    np.testing.assert_array_equal(y[:7], to_tf32(ones).reshape(9, 1)[:7])


@pytest.mark.parametrize("kind", HALVES)
def test_bodies_are_rounded_too(kind: str) -> None:
    """x ← x · 1.01 in a loop, 50 times: rounding in every turn adds up to what FP32 would never be off by."""
    number = TensorProto.FLOAT16 if kind == "FP16" else TensorProto.BFLOAT16
    scalar = helper.make_tensor_value_info
    factor = helper.make_tensor(
        "factor", number, [1], torch.tensor([1.01]).to(HALVES[kind]).view(torch.int16).numpy().tobytes(), raw=True
    )
    body = helper.make_graph(
        [helper.make_node("Mul", ["v", "factor"], ["next"], "mul"), helper.make_node("Identity", ["go"], ["on"], "id")],
        "body",
        [scalar("i", TensorProto.INT64, []), scalar("go", TensorProto.BOOL, []), scalar("v", number, [4])],
        [scalar("on", TensorProto.BOOL, []), scalar("next", number, [4])],
    )
    nodes = [
        helper.make_node("Cast", ["x"], ["short"], "in", to=number),
        helper.make_node("Loop", ["count", "always", "short"], ["last"], "loop", body=body),
        helper.make_node("Cast", ["last"], ["y"], "out", to=TensorProto.FLOAT),
    ]
    count, always = numpy_helper.from_array(np.int64(50), "count"), numpy_helper.from_array(np.True_, "always")
    graph = helper.make_graph(
        nodes,
        "g",
        [scalar("x", TensorProto.FLOAT, [4])],
        [scalar("y", TensorProto.FLOAT, [4])],
        [count, always, factor],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    x = np.array([1, 1.7, -3, 100], np.float32)
    value, step = rounded(double(x), kind), rounded(torch.tensor([1.01]).double(), kind)
    once = value * step**50
    for _ in range(50):
        value = rounded(value * step, kind)
    (y,) = computed(model, {"x": x})
    np.testing.assert_array_equal(y, value.numpy())
    assert not np.allclose(y, once.numpy(), rtol=STEP[kind] / 2)


@pytest.mark.parametrize("condition", [True, False])
def test_both_branches_of_an_if_overflow(condition: bool) -> None:
    text = """g (float16[2] x, bool c) => (float16[2] y) {
        y = If(c) <then_branch = t () => (float16[2] a) { s = Mul(x, x) a = Sqrt(s) },
                   else_branch = e () => (float16[2] b) { p = Exp(x) b = Log(p) }> }"""
    model = model_of(text)
    x = np.array([300, 2], np.float16)
    (y,) = computed(model, {"x": x, "c": np.array(condition)})
    assert np.isinf(y[0]) and np.isclose(y[1], 2, rtol=2e-3)


def test_bfloat16_where_onnx_has_none_but_nvidia_has() -> None:
    """TopK and Einsum in BF16: NVIDIA's parser takes them, and so does ours."""
    text = """g (float[3,9] x) => (float[2,3] y, int64[3,2] i) <int64[1] k = {2}> {
        s = Cast<to=16>(x) v, i = TopK(s, k) t = Einsum<equation="ij->ji">(v) y = Cast<to=1>(t) }"""
    x = random(3, 9)
    y, i = computed(model_of(text), {"x": x})
    values, places = rounded(double(x), "BF16").topk(2)
    np.testing.assert_array_equal(y, values.T.numpy())
    np.testing.assert_array_equal(np.sort(i, 1), np.sort(places.numpy(), 1))


def norm() -> onnx.ModelProto:
    """Return x / sqrt(mean(x²)): numbers of a few hundred, whose squares FP16 cannot hold."""
    text = """g (float[n,8] x) => (float[n,8] y) <int64[1] axes = {1}>
        { square = Mul(x, x) mean = ReduceMean(square, axes) root = Sqrt(mean) y = Div(x, root) }"""
    return model_of(text)


def test_fp16_overflows_where_it_must_and_one_layer_in_fp32_cures_it() -> None:
    """The demonstration of lesson 12: 300² is beyond 65504. BF16 has FP32's range, and needs no cure."""
    x = np.array([[300, 1, -2, 3, 50, -60, 7, 8], [3, 1, -2, 3, 5, -6, 7, 8]], np.float32)
    expected = double(x) / (double(x) ** 2).mean(1, keepdim=True).sqrt()
    (broken,) = computed(to_half(norm()), {"x": x})
    assert (broken[0] == 0).all()  # x / inf
    np.testing.assert_allclose(broken[1], expected[1].numpy(), rtol=4e-3)  # its neighbour in the batch is fine
    (cured,) = computed(to_half(norm(), keep=["square", "mean"]), {"x": x})
    np.testing.assert_allclose(cured, expected.numpy(), rtol=4e-3)
    (wide,) = computed(to_half(norm(), kind="BF16"), {"x": x})
    np.testing.assert_allclose(wide, expected.numpy(), rtol=4e-2)


def test_plans_are_as_small_as_their_types(tmp_path: Path) -> None:
    model = model_of("g (float[4,256] x) => (float[4,256] y) { y = MatMul(x, w) }", w=random(256, 256))
    sizes = {}
    for kind, each in (("FP32", model), ("FP16", to_half(model)), ("INT8", to_int8(model, random(8, 256)))):
        builder = trt.Builder(Recorder())
        network = builder.create_network(0)
        assert trt.OnnxParser(network, Recorder()).parse(each.SerializeToString())
        sizes[kind] = builder.build_serialized_network(network, builder.create_builder_config()).nbytes
    assert 0.45 < sizes["FP16"] / sizes["FP32"] < 0.6 and 0.22 < sizes["INT8"] / sizes["FP32"] < 0.35


# INT8

Q_SCALE = 0.05


def quantised_convolution(relu: bool, weights: np.ndarray, scales: np.ndarray, bias: np.ndarray, out: float) -> Any:
    """Return Q, DQ, Conv by int8 weights, perhaps Relu, Q, DQ: scales 0.05, `scales` by channel, and `out`."""
    act = "r = Relu(a)" if relu else "r = Identity(a)"
    text = f"""g (float[2,6,8,8] x) => (float[2,5,8,8] y) {{
        xq = QuantizeLinear(x, xs, z) xd = DequantizeLinear(xq, xs, z) wd = DequantizeLinear<axis=0>(w, ws, wz)
        a = Conv<pads=[1,1,1,1]>(xd, wd, b) {act}
        yq = QuantizeLinear(r, ys, z) y = DequantizeLinear(yq, ys, z) }}"""
    return model_of(
        text, xs=np.float32(Q_SCALE), z=np.int8(0), w=weights, ws=scales, wz=np.zeros(5, np.int8), b=bias,
        ys=np.float32(out),
    )  # fmt: skip


def integer_convolution(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the exact sums in int64: quantise, pad with zeros, multiply integers."""
    q = np.clip(np.rint(x / np.float32(Q_SCALE)), -128, 127).astype(np.int64)
    return torch.nn.functional.conv2d(
        torch.from_numpy(q), torch.from_numpy(weights.astype(np.int64)), padding=1
    ).numpy()


@pytest.mark.parametrize("kernel", integers.KERNELS)
@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("spread", [1.0, 20.0])
def test_int8_is_integer_arithmetic_with_saturation(
    relu: bool, spread: float, kernel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """spread 20: most inputs saturate, and so do outputs."""
    if not integers.exact(kernel):
        pytest.skip(f"this CPU saturates {kernel} products on the way, so the kernel is never used here")
    monkeypatch.setattr(integers, "KERNELS", (kernel,))
    weights = RNG.integers(-127, 128, (5, 6, 3, 3)).astype(np.int8)
    scales = RNG.uniform(0.005, 0.02, 5).astype(np.float32)
    bias, out = random(5), np.float32(0.2)
    x = random(2, 6, 8, 8) * np.float32(spread)
    (y,) = computed(quantised_convolution(relu, weights, scales, bias, float(out)), {"x": x})
    sums = integer_convolution(x, weights)
    values = sums * (Q_SCALE * scales.astype(np.float64)).reshape(1, 5, 1, 1) + bias.reshape(1, 5, 1, 1)
    levels = np.clip(np.rint((np.maximum(values, 0) if relu else values) / out), -128, 127)
    off = np.abs(np.rint(y / out) - levels)
    assert off.max() <= 1 and (off > 0).mean() < 0.005
    assert (levels == 127).any() == (np.rint(y / out) == 127).any()


def test_every_pair_of_factors_is_exact() -> None:
    """All 255 · 255 products of symmetric int8 in one matrix product, in levels of 1: no sum is off by anything."""
    everything = np.arange(-127, 128)
    x = np.stack([np.full(64, value, np.float32) for value in everything])
    w = np.stack([np.full(64, value, np.int8) for value in everything], 1)
    text = """g (float[255,64] x) => (float[255,255] y) {
        xq = QuantizeLinear(x, s, z) xd = DequantizeLinear(xq, s, z) wd = DequantizeLinear(w, s, z)
        y = MatMul(xd, wd) }"""
    (y,) = computed(model_of(text, s=np.float32(1), z=np.int8(0), w=w), {"x": x})
    np.testing.assert_array_equal(y, 64 * np.outer(everything, everything))


def test_integer_kernels_are_really_used() -> None:
    weights = RNG.integers(-127, 128, (5, 6, 3, 3)).astype(np.int8)
    model = quantised_convolution(True, weights, np.full(5, 0.01, np.float32), random(5), 0.2)
    ready = onnx.load_model_from_string(integers.with_integer_kernels(shaped(model), integers.kernels()[0]))
    assert [node.op_type for node in ready.graph.node] == ["QuantizeLinear", "QLinearConv", "Clip", "DequantizeLinear"]
    product = to_int8(model_of("g (float[4,8] x) => (float[4,3] y) { y = MatMul(x, w) }", w=random(8, 3)), random(9, 8))
    from nogpu.tensorrt import execution
    from nogpu.tensorrt.optimizer import optimize
    from nogpu.tensorrt.parser.reading import read
    from nogpu.tensorrt.settings import Settings

    reading = read(product.SerializeToString())
    assert reading.model is not None
    done = optimize(reading.model, Settings(), lambda severity, text: None)
    graph = execution.compile(done, [], Settings(optimization_level=0), {}, lambda severity, text: None)["graph"]
    ready = onnx.load_model_from_string(integers.with_integer_kernels(graph, integers.kernels()[0]))
    assert [node.op_type for node in ready.graph.node] == ["QuantizeLinear", "MatMulIntegerToFloat"]


def shaped(model: onnx.ModelProto) -> bytes:
    """Return the model with every value's type, as plans have it, and without Identity."""
    return onnx.shape_inference.infer_shapes(model).SerializeToString()
