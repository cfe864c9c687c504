"""The end of a build, and the run: tactics by time and cache, true rounding to 16 bits, memory used where it lies."""

from __future__ import annotations

import threading
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import parser
from onnx.reference import ReferenceEvaluator

from nogpu.tensorrt import execution
from nogpu.tensorrt.enumerations import Severity
from nogpu.tensorrt.execution import Executable
from nogpu.tensorrt.optimizer import optimize
from nogpu.tensorrt.settings import Settings

HEAD = '<ir_version: 10, opset_import: ["": 22]> '
RNG = np.random.default_rng(1)
SHORT = {"float16": (onnx.TensorProto.FLOAT16, np.float16), "bfloat16": (onnx.TensorProto.BFLOAT16, ml_dtypes.bfloat16)}


def quiet(severity: Severity, text: str) -> None:
    """Hear nothing."""


def built(
    text: str, cache: dict[str, Any] | None = None, settings: Settings | None = None, log: Any = quiet
) -> Executable:
    """Build the graph and load it."""
    model = parser.parse_model(HEAD + text)
    for number, node in enumerate(model.graph.node):
        node.name = node.name or f"{node.op_type.lower()}{number}"
    model = onnx.shape_inference.infer_shapes(model)
    optimized = optimize(ir.from_proto(model), settings or Settings(), quiet)
    return execution.load(
        execution.compile(optimized, [], settings or Settings(), cache if cache is not None else {}, log)
    )


def test_outputs_are_written_where_they_are_wanted() -> None:
    engine = built("g (float[n,4] x) => (float[n,4] y) { y = Relu(x) }")
    x, y = RNG.standard_normal((3, 4)).astype(np.float32), np.zeros((3, 4), np.float32)
    for _ in range(3):
        x += 0.5
        engine.run({"x": x}, {"y": y})
        np.testing.assert_array_equal(y, np.maximum(x, 0))


def test_an_output_that_is_a_constant_or_an_input() -> None:
    engine = built("g (float[2] x) => (float[2] y, float[3] z) <float[3] c = {1, 2, 3}> { y = Identity(x) z = Exp(c) }")
    y, z = np.zeros(2, np.float32), np.zeros(3, np.float32)
    engine.run({"x": np.array([5, 6], np.float32)}, {"y": y, "z": z})
    np.testing.assert_allclose(np.concatenate([y, z]), [5, 6, *np.exp([1, 2, 3])], rtol=1e-6)


def test_shapes_are_known_before_the_run() -> None:
    text = """g (float[n,4] x, float[m,4] z) => (float[k,4] y, float[n,2] a)
        { y = Concat<axis=0>(x, z) a, b = Split<axis=1, num_outputs=2>(x) }"""
    engine = built(text)
    assert engine.output_shapes({"x": (5, 4), "z": (2, 4)}) == {"y": (7, 4), "a": (5, 2)}


def test_a_shape_that_values_decide() -> None:
    engine = built("g (float[6] x, int64[2] shape) => (float[a,b] y) { y = Reshape(x, shape) }")
    assert engine.output_shapes({"x": (6,)}, {"shape": np.array([2, -1])}) == {"y": (2, 3)}


def test_a_size_that_only_the_run_tells() -> None:
    engine = built("g (float[6] x) => (int64[1,k] y) { y = NonZero(x) }")
    assert engine.output_shapes({"x": (6,)})["y"][1] == -1
    outputs: dict[str, Any] = {"y": None}
    engine.run({"x": np.array([0, 1, 0, 2, 3, 0], np.float32)}, outputs)
    np.testing.assert_array_equal(outputs["y"], [[1, 3, 4]])


def test_tactics_are_timed_once_and_then_known() -> None:
    cache: dict[str, tuple[int, float]] = {}
    text = "g (float[2,4] x) => (float[2,4] y) { y = Relu(x) }"
    said: list[str] = []
    first = built(text, cache, log=lambda severity, message: said.append(message))
    assert len(cache) >= 2 and all(milliseconds > 0 for _, milliseconds in cache.values())
    assert not any("timing cache" in line for line in said)
    before = dict(cache)
    second = built(text, cache, log=lambda severity, message: said.append(message))
    assert cache == before and first.tactic == second.tactic
    assert sum("from the timing cache" in line for line in said) == len(cache)
    built("g (float[2,4] x) => (float[2,4] y) { y = Exp(x) }", cache)
    assert len(cache) > len(before)  # another graph is another entry


def test_the_quickest_tactic_is_chosen() -> None:
    cache: dict[str, tuple[int, float]] = {}
    text = "g (float[2,4] x) => (float[2,4] y) { y = Relu(x) }"
    built(text, cache)
    slowest = list(cache)[-1]
    cache.update({key: (number, 5.0) for key, (number, _) in cache.items()})
    cache[slowest] = (cache[slowest][0], 0.001)
    assert built(text, cache).tactic["number"] == cache[slowest][0]


@pytest.mark.parametrize("kind", SHORT)
def test_every_layers_output_is_rounded(kind: str) -> None:
    """Three layers: a product, a softmax, an exponential. The reference rounds after each, in float64."""
    number, dtype = SHORT[kind]
    text = f"g ({kind}[3,8] x) => ({kind}[3,5] y) {{ a = MatMul(x, w) b = Softmax(a) y = Exp(b) }}"
    model = parser.parse_model(HEAD + text)
    w = RNG.standard_normal((8, 5)).astype(dtype)
    model.graph.initializer.append(onnx.helper.make_tensor("w", number, w.shape, w.tobytes(), raw=True))
    for node in model.graph.node:
        node.name = node.op_type
    model = onnx.shape_inference.infer_shapes(model)
    optimized = optimize(ir.from_proto(model), Settings(), quiet)
    engine = execution.load(execution.compile(optimized, [], Settings(), {}, quiet))
    x, y = RNG.standard_normal((3, 8)).astype(dtype), np.zeros((3, 5), dtype)
    engine.run({"x": x}, {"y": y})
    a = (x.astype(np.float64) @ w.astype(np.float64)).astype(dtype).astype(np.float64)
    e = np.exp(a - a.max(1, keepdims=True))
    b = (e / e.sum(1, keepdims=True)).astype(dtype).astype(np.float64)
    expected = np.exp(b).astype(dtype)
    steps = np.abs(y.view(np.int16).astype(int) - expected.view(np.int16).astype(int))
    assert steps.max() <= 1  # the last bit may fall the other way where float32 and float64 differ


def test_fp16_overflows_where_it_must() -> None:
    text = "g (float16[1,2] x) => (float16[1,2] z) { a = Mul(x, x) s = Softmax(a) b = Sqrt(a) z = Sub(b, s) }"
    engine = built(text)
    z = np.zeros((1, 2), np.float16)
    engine.run({"x": np.array([[300, 2]], np.float16)}, {"z": z})
    assert np.isnan(z).any() or np.isinf(z).any()  # 300² is beyond 65504
    wide = built(text.replace("float16", "float"))
    y = np.zeros((1, 2), np.float32)
    wide.run({"x": np.array([[300, 2]], np.float32)}, {"z": y})
    assert np.isfinite(y).all()


def test_a_16_bit_output_that_others_read_too() -> None:
    text = "g (float16[4] x) => (float16[4] y, float16[4] z) { y = Exp(x) z = Softmax(y) }"
    engine = built(text)
    x = np.linspace(0, 2, 4).astype(np.float16)
    y, z = np.zeros(4, np.float16), np.zeros(4, np.float16)
    engine.run({"x": x}, {"y": y, "z": z})
    expected = ReferenceEvaluator(parser.parse_model(HEAD + text)).run(None, {"x": x})
    np.testing.assert_allclose(y, expected[0], rtol=1e-3)
    np.testing.assert_allclose(z, expected[1], rtol=2e-3)


@pytest.mark.parametrize("kind", ["float", "float16"])
def test_the_profiler_hears_each_layer(kind: str) -> None:
    text = f"g ({kind}[3,4] x) => ({kind}[3,4] y) {{ a = Exp(x) b = Relu(a) c = Softmax(b) y = Softmax(c) }}"
    engine = built(text)
    heard: list[tuple[str, float]] = []
    dtype = np.float32 if kind == "float" else np.float16
    y = np.zeros((3, 4), dtype)
    engine.run({"x": np.ones((3, 4), dtype)}, {"y": y}, lambda name, ms: heard.append((name, ms)))
    assert [name for name, _ in heard] == ["PWN(exp0, relu1)", "softmax2", "softmax3"]
    assert all(milliseconds > 0 for _, milliseconds in heard)
    np.testing.assert_allclose(y, 0.25, rtol=1e-6)


def test_several_threads_with_contexts_of_their_own() -> None:
    engine = built("g (float[n,16] x) => (float[n,16] y) { a = Exp(x) y = Softmax(a) }")
    wrong: list[int] = []

    def work(number: int) -> None:
        mine = engine.clone()
        x, y = np.full((number, 16), number, np.float32), np.zeros((number, 16), np.float32)
        for _ in range(50):
            y[:] = 0
            mine.run({"x": x}, {"y": y})
            if not np.allclose(y, 1 / 16):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
