"""The check of lab 10.4: DigitNet with its convolutions computed by the learner's layer. lab_10_bridge calls it."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import torch
from torch import Tensor

from coursekit.checks import expect_close, require
from coursekit.data import load_digits
from coursekit.labs.lab_10_fixtures import digitnet
from coursekit.models import DigitNet, trained_digitnet
from coursekit.student import Student

FIXTURES = "coursekit.labs.lab_10_fixtures"


def expect_swapped(student: Student, rng: np.random.Generator) -> None:
    """Raise Wrong unless `swap` gives a network that computes the same by `linear_relu`, and leaves its model alone."""
    images = torch.from_numpy(rng.uniform(0, 1, (5, 1, 8, 8)).astype(np.float32))
    for factor in (1.0, float(rng.uniform(1.2, 1.6))):
        state = _random_state(rng)
        model = student.make(f"{FIXTURES}:digitnet", state)
        layer = student.make(f"{FIXTURES}:Layer", factor)
        swapped = student.call("swap", model, layer, keep=True)
        require(swapped.type_name != "NoneType", "`swap` returned None", "Is a `return` missing?")
        got = swapped.call("__call__", images)
        what = (
            "The swapped network's logits"
            if factor == 1
            else f"With a linear_relu that gives {factor:.2f} times as much, the logits"
        )
        _expect_logits(got, _logits(state, images, factor, factor), state, images, factor, what)
        after = model.call("__call__", images)
        hint = "`swap` changes the model that it was given: build the new one beside it, or on a `copy.deepcopy`."
        expect_close(
            after, _logits(state, images, 1, 1), "After `swap`, the original model's logits", hint, picture=False
        )
    _expect_same_accuracy(student, rng)


def _random_state(rng: np.random.Generator) -> dict[str, Tensor]:
    """Return weights and statistics of a DigitNet in which nothing is 0 or 1 by chance."""
    state = {}
    for name, tensor in DigitNet().state_dict().items():
        values = rng.normal(0, 0.3, tuple(tensor.shape)).astype(np.float32)
        if name.endswith("running_var"):
            values = (
                rng.uniform(1e-5, 5e-5, tuple(tensor.shape)).astype(np.float32)
                if "features.1" in name
                else abs(values) + 0.2
            )
        state[name] = (
            torch.tensor(7) if tensor.dtype == torch.int64 else torch.from_numpy(np.asarray(values, np.float32))
        )
        if name == "features.1.weight":
            state[name] *= 0.02
    return state


def _logits(state: dict[str, Tensor], images: Tensor, first: float, second: float) -> Tensor:
    """Return a DigitNet's logits with its two ReLU layers multiplied by the two factors."""
    model = digitnet(state)
    with torch.no_grad():
        maps = first * model.features[:3](images)
        maps = second * model.features[3:6](maps)
        return model.classifier(model.features[6](maps).flatten(1))


def _expect_logits(
    got: object, right: Tensor, state: dict[str, Tensor], images: Tensor, factor: float, what: str
) -> None:
    hint = (
        "A row of the matrix is one pixel's window; the result's rows are pixels, its columns filters. Compare your "
        "first layer with `model.features[:3](images)`, then both with `model.features[:6](images)`."
    )
    if isinstance(got, Tensor) and got.shape == right.shape:
        others = {
            "Both convolutions have to use linear_relu; it seems that only one does.": [
                _logits(state, images, *pair) for pair in ((factor, 1.0), (1.0, factor))
            ],
            "These are the original model's logits: linear_relu was not used.": [_logits(state, images, 1, 1)],
            "BatchNorm's eps is missing: it divides by sqrt(running_var + eps).": [_without_eps(state, images, factor)],
            "That is the network without BatchNorm: fold it into weight and bias.": [
                _logits({n: _neutral(n, t) for n, t in state.items()}, images, factor, factor)
            ],
            "BatchNorm divides by the square root of running_var + eps.": [
                _logits({n: _divided_twice(n, state) for n in state}, images, factor, factor)
            ],
            "The running mean is missing: BatchNorm's shift is bias − running_mean · factor.": [
                _logits({n: 0 * t if "running_mean" in n else t for n, t in state.items()}, images, factor, factor)
            ],
        }
        for mistake, results in others.items():
            if any(torch.allclose(got, result, rtol=1e-3, atol=1e-3) for result in results):
                hint = mistake
                break
    expect_close(got, right, what, hint, rtol=2e-3, atol=2e-3, picture=False)


def _neutral(name: str, values: Tensor) -> Tensor:
    """Return weights and statistics of a BatchNorm that does nothing, and other layers' values as they are."""
    if name.partition(".")[2].partition(".")[0] not in ("1", "4"):
        return values
    does_nothing = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1 - 1e-5}
    return torch.full_like(values, does_nothing.get(name.rpartition(".")[2], 7))


def _divided_twice(name: str, state: dict[str, Tensor]) -> Tensor:
    """Return a value of a network whose BatchNorms divide by the variance: by its square root, twice."""
    variance = state.get(name.removesuffix("weight") + "running_var")
    if variance is None or not name.endswith("weight"):
        return state[name]
    return state[name] / torch.sqrt(variance + 1e-5)


def _without_eps(state: dict[str, Tensor], images: Tensor, factor: float) -> Tensor:
    return _logits({n: t - 1e-5 if "running_var" in n else t for n, t in state.items()}, images, factor, factor)


def _expect_same_accuracy(student: Student, rng: np.random.Generator) -> None:
    with redirect_stdout(StringIO()):  # it says so where it trains first; here the outcome alone is to be seen
        trained = trained_digitnet()
    model = student.make(f"{FIXTURES}:digitnet", dict(trained.state_dict()))
    swapped = student.call("swap", model, student.make(f"{FIXTURES}:Layer", 1.0), keep=True)
    test = load_digits().test
    chosen = torch.from_numpy(rng.permutation(len(test))[:100])
    got = swapped.call("__call__", test.images[chosen]).argmax(1)
    with torch.no_grad():
        flipped = int((got != trained(test.images[chosen]).argmax(1)).sum())
    require(
        flipped == 0,
        f"With the trained DigitNet, {flipped} of 100 predictions flipped",
        "None may: the accuracy is to stay.",
    )
