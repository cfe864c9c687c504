"""The models of lab 11's checks: what NumPy says they compute, ONNX's own evaluator says too; NVIDIA takes them all."""

from __future__ import annotations

import importlib.util

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from coursekit.labs import lab_11_models as models
from coursekit.nvidia import Question, nvidia_says_of_all

MAKERS = {
    "two inputs": lambda rng: models.two_inputs(rng),
    "a long chain": lambda rng: models.two_inputs(rng, width=16, depth=6),
    "Conv BatchNorm Relu": lambda rng: models.classifier(rng),
    "Conv BatchNorm Abs Neg": lambda rng: models.classifier(rng, ("Abs", "Neg")),
    "Conv Tanh": lambda rng: models.classifier(rng, ("Tanh",), norm=False),
    "Conv alone": lambda rng: models.classifier(rng, (), norm=False),
}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_expected_results_are_those_of_onnx(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = MAKERS[name](rng)
    inputs = model.batch(rng, 3)
    evaluator = ReferenceEvaluator(onnx.load_model_from_string(model.file))
    for got, output in zip(evaluator.run(list(model.outputs), inputs), model.outputs, strict=True):
        want = model.expected(inputs)[output]
        assert (got.shape, got.dtype) == (want.shape, want.dtype)
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)


@pytest.mark.skipif(importlib.util.find_spec("tensorrt_rtx") is None, reason="needs the extra rtx")
def test_nvidias_builder_takes_the_good_models_and_refuses_the_others() -> None:
    rng = np.random.default_rng(5)
    good = [make(rng) for make in MAKERS.values()]
    questions = [Question(model.file, [model.shapes(1, 2, 8)]) for model in good]
    unknown, nodes = models.with_unknown_operators(rng, 3)
    mixed, node = models.with_mixed_types(rng)
    verdicts = nvidia_says_of_all([*questions, Question(unknown), Question(mixed)])
    assert [str(verdict) for verdict in verdicts[: len(good)] if not verdict.accepted] == []
    assert all(any(name in text for text in verdicts[-2].errors) for name in nodes)
    assert not verdicts[-1].accepted and node in " ".join(verdicts[-1].errors)
