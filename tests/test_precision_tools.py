"""Rooms of coursekit that lesson 12 uses: number formats, Q/DQ by hand, and the ledger's closing plot."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from coursekit import ledger, number_formats, quantisation
from coursekit.labs import lab_12_networks as networks

Array = np.ndarray


def test_facts_are_those_of_torch() -> None:
    for name, dtype in (("FP32", torch.float32), ("FP16", torch.float16), ("BF16", torch.bfloat16)):
        info = torch.finfo(dtype)
        largest, normal, smallest, step = number_formats.facts(*number_formats.FORMATS[name])
        assert (largest, normal, smallest, step) == (info.max, info.tiny, info.smallest_normal * info.eps, info.eps)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False, min_value=2.0**-100, max_value=2.0**100))
def test_tf32_is_the_nearest_number_with_ten_fraction_bits(value: float) -> None:
    step = 2.0 ** (np.frexp(value)[1] - 1 - 10)
    assert float(number_formats.to_tf32(np.array(value, np.float32))) == np.rint(value / step) * step


def test_the_pictures_of_the_formats_are_drawn() -> None:
    number_formats.draw_bits()
    number_formats.draw_reach_and_gaps()
    assert len(number_formats.draw_rulers((1, 1.06), (2040, 2060)).axes) == 2
    plt.close("all")


def test_insert_qdq_rounds_to_the_ruler_and_leaves_the_rest(rng: np.random.Generator) -> None:
    model = onnx.load_model_from_string(networks.residual_file(rng, shortcut=1))
    images = rng.random((16, 1, 8, 8)).astype(np.float32)
    seen = quantisation.activations(model, images)
    limits = {name: quantisation.minmax(values) for name, values in seen.items()}
    first = model.graph.node[0]
    quantised = quantisation.insert_qdq(model, limits, only={first.name})
    kinds = [node.op_type for node in quantised.graph.node]
    assert kinds.count("QuantizeLinear") == 1 and kinds.count("DequantizeLinear") == 2

    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    weight, bias = (torch.from_numpy(weights[name].copy()) for name in first.input[1:])
    scale = limits["images"] / 127
    data = torch.from_numpy(np.clip(np.rint(images / np.float32(scale)), -128, 127) * np.float32(scale))
    ruler = weight.abs().amax(dim=(1, 2, 3), keepdim=True) / 127
    expected = torch.nn.functional.conv2d(data, (weight / ruler).round() * ruler, bias, padding=1)
    quantised.graph.output.append(onnx.helper.make_tensor_value_info(first.output[0], 1, None))
    session = onnxruntime.InferenceSession(quantised.SerializeToString(), providers=["CPUExecutionProvider"])
    got = session.run([first.output[0]], {"images": images})[0]
    np.testing.assert_allclose(got, expected.numpy(), rtol=1e-4, atol=1e-4)


def test_one_q_serves_all_readers_and_a_shortcut_can_be_chosen(rng: np.random.Generator) -> None:
    model = onnx.load_model_from_string(networks.residual_file(rng, shortcut=1))
    limits = {name: 1.0 for name in quantisation.activations(model, np.ones((2, 1, 8, 8), np.float32))}
    quantised = quantisation.insert_qdq(model, limits, places={"Conv": (0, 1), "Gemm": (0, 1), "Add": (1,)})
    onnx.checker.check_model(quantised, full_check=True)
    kinds = [node.op_type for node in quantised.graph.node]
    assert kinds.count("QuantizeLinear") == 4 and kinds.count("DequantizeLinear") == 4 + 4 + 1
    assert quantised.ByteSize() < 0.45 * model.ByteSize()
    with pytest.raises(KeyError):
        quantisation.insert_qdq(model, {})


def test_the_calibrators_keep_their_laws(rng: np.random.Generator) -> None:
    values = rng.exponential(1.0, 200_000).astype(np.float32)
    largest = float(values.max())
    assert quantisation.minmax(-values) == largest
    assert 6 < quantisation.percentile(values) < 8  # 99.9 % lie below ln(1000) = 6.9
    limit = quantisation.entropy(values)
    assert largest / 8 <= limit <= largest  # it tries no cut below 128 of 1,024 bins
    assert quantisation.entropy(np.concatenate([values, np.zeros(500_000, np.float32)])) == limit
    assert quantisation.entropy(4 * values) == pytest.approx(4 * limit)


def test_the_ledger_marks_what_is_emulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("notebooks", "data", "labs"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("COURSE_ROOT", str(tmp_path))
    logits, labels = np.eye(4), np.arange(4)
    ledger.record("eager", lesson=3, logits=logits, labels=labels, device="here")
    ledger.record("engine", lesson=12, logits=logits + 0.1, labels=labels, device="here", emulated=True)
    assert "here, emulated" in repr(ledger.show())
    figure = ledger.show().plot()
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["eager", "engine \u25a8"]
    plt.close("all")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
