"""Lab 04's checks: an honest benchmark, its summary, folding BatchNorm, three slow-downs removed, a batch size chosen.

No check looks at real time: they count work, and give the learner's benchmark a device with a clock of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from coursekit.checks import Lab, Wrong, expect_close, require
from coursekit.labs.lab_04_batch_size import check_pick
from coursekit.student import Handle, Raised, Student

LAB = Lab("04", "lab_04_faster_pytorch", "Faster PyTorch")
FIXTURES = "coursekit.labs.lab_04_fixtures"


@LAB.task(
    "4.1", "A benchmark that is not fooled", points=4, minutes=15, difficulty=3, importance=5, names=("benchmark",)
)
def check_benchmark(student: Student, rng: np.random.Generator) -> None:
    warmup, repeats = int(rng.integers(3, 6)), int(rng.integers(6, 12))
    _check_samples(student, rng, warmup, repeats, backlog=0.0)
    _check_samples(student, rng, 0, 1, backlog=float(rng.uniform(0.5, 1)))


def _check_samples(student: Student, rng: np.random.Generator, warmup: int, repeats: int, backlog: float) -> None:
    order_cost = float(rng.uniform(1e-4, 2e-4))
    slow_start = rng.uniform(0.3, 0.6, warmup)  # what the first calls cost, far more than the later ones
    durations = np.concatenate([slow_start, rng.permutation(np.linspace(0.01, 0.02, repeats))])
    device = student.make(
        f"{FIXTURES}:QueueDevice", durations.tolist(), order_cost, backlog, float(rng.uniform(100, 1000))
    )
    tools = [device.attribute(name, keep=True) for name in ("launch", "synchronize", "clock")]
    samples = student.call("benchmark", *tools, warmup, repeats)
    launches = device.attribute("launches")
    require(
        isinstance(samples, list | tuple),
        f"benchmark should return a list of {repeats} times; it returned a value of type {_type(samples)}",
        "Keep every time: the summary (median, p95) is another function's business.",
    )
    require(
        launches == warmup + repeats,
        f"With warmup={warmup} and repeats={repeats} the function was called {launches} times, not {warmup + repeats}",
        "Each warm-up call and each timed call is one call of `function()`.",
    )
    require(
        len(samples) == repeats,
        f"benchmark returned {len(samples)} times; {repeats} calls were to be timed and {warmup} only to warm up",
        "Warm-up calls are made before the first clock reading that counts, and leave no time in the list.",
    )
    require(
        device.attribute("clock_readings") > 0,
        "benchmark never read the clock that it was given",
        "Call `clock()` where you would call `time.perf_counter()`.",
    )
    require(all(isinstance(time, int | float) for time in samples), "The times should be Python floats, in seconds")
    times, expected = np.array(samples, dtype=float), order_cost + durations[warmup:]
    _name_timing_mistake(times, expected, durations, order_cost, backlog)
    expect_close(times, expected, "The list of times", "Each time runs from an idle device to a finished result.")


def _name_timing_mistake(
    times: np.ndarray, expected: np.ndarray, durations: np.ndarray, order_cost: float, backlog: float
) -> None:
    milliseconds = f"{times[0] * 1e3:.4g} ms"
    if np.allclose(times, order_cost) or (np.allclose(times[1:], order_cost) and len(times) > 1):
        raise Wrong(
            f"The times are those of placing an order ({milliseconds}), not of the work",
            "`function()` returns before its work is done: call `synchronize()` before you stop the clock.",
        )
    waits_late = np.allclose(times[1:], expected[1:]) and times[0] > 2 * expected[0]
    if waits_late or (backlog and times[0] > 2 * expected[0]):
        raise Wrong(
            f"The first time is {milliseconds} although that call takes {expected[0] * 1e3:.4g} ms: "
            "it contains work that was in the queue before",
            "`synchronize()` once more, before you start the clock: warm-up calls and others may still be running.",
        )
    if np.allclose(times, times[0]) and len(times) > 1:
        raise Wrong(
            f"All {len(times)} times are the same, {milliseconds}, although the calls differ",
            "Start and stop the clock around each single call; a mean hides the slow ones.",
        )
    if len(times) > 1 and np.allclose(times, order_cost + durations[: len(times)]):
        raise Wrong(
            f"The slow first calls ({milliseconds}) are among the times",
            "Make the warm-up calls first, and drop their times, not those of the last calls.",
        )
    if np.allclose(times, expected * 1e3):
        raise Wrong("The times are in milliseconds", "Return seconds, as the clock counts them.")
    if np.allclose(times, -expected):
        raise Wrong("The times are negative", "A time is the clock's later reading minus the earlier one.")


def _type(value: object) -> str:
    return value.type_name if isinstance(value, Handle) else type(value).__name__


@LAB.task("4.2", "Three numbers from many times", points=2, minutes=8, difficulty=1, importance=4, names=("summarise",))
def check_summarise(student: Student, rng: np.random.Generator) -> None:
    for count in (int(rng.integers(30, 60)) * 2, int(rng.integers(30, 60)) * 2 + 1, 1):
        # a narrow band with a long tail, as real times have
        samples = rng.uniform(0.010, 0.014, count)
        samples[: max(count // 12, 1)] *= rng.uniform(5, 9)
        rng.shuffle(samples)
        items = int(rng.integers(2, 100))
        _check_summary(student.call("summarise", samples.tolist(), items), samples, items)


def _check_summary(summary: Any, samples: np.ndarray, items: int) -> None:
    names = ("median", "p95", "throughput")
    require(
        isinstance(summary, dict) and set(summary) == set(names),
        f"summarise should return a dictionary with the keys {', '.join(names)}; it returned "
        + (f"the keys {', '.join(map(str, summary))}" if isinstance(summary, dict) else f"a {_type(summary)}"),
    )
    median, p95 = float(np.median(samples)), float(np.percentile(samples, 95))
    if _near(summary["median"], samples.mean()) and not _near(median, samples.mean()):
        raise Wrong(
            f"The median is given as {summary['median'] * 1e3:.3g} ms, which is the mean; half of the calls took less "
            f"than {median * 1e3:.3g} ms",
            "A few slow calls drag the mean along. The median is the middle of the sorted times.",
        )
    if not _near(summary["p95"], p95):
        if _near(summary["p95"], samples[min(int(0.95 * len(samples)), len(samples) - 1)]):
            raise Wrong(
                "The p95 is the time of a call that happened to be made late, not of a slow one",
                "A percentile is a place in the *sorted* times; `np.percentile(samples, 95)` sorts for you.",
            )
        if _near(summary["p95"], np.percentile(samples, 0.95)):
            raise Wrong("The p95 is among the shortest times", "`np.percentile` takes a percentage: 95, not 0.95.")
        if _near(summary["p95"], samples.max()):
            raise Wrong(
                "The p95 is the largest time", "One call in twenty takes longer than p95; none takes longer than this."
            )
    middle, linear = "With an even count, it is the mean of the middle two.", "`np.percentile` interpolates linearly."
    expect_close(summary["median"], median, "The median (s)", middle, rtol=1e-6, atol=0)  # float32 will do
    expect_close(summary["p95"], p95, "The p95 (s)", linear, rtol=1e-6, atol=0)
    if _near(summary["throughput"], 1 / median):
        raise Wrong(
            f"The throughput counts calls, {1 / median:.0f} per second, but each call handles {items} items",
            "Items per second: `items` divided by the median time.",
        )
    expect_close(summary["throughput"], items / median, "The throughput (items/s)", "`items` / median time in seconds.")


def _near(a: Any, b: float) -> bool:
    return isinstance(a, int | float) and bool(np.isclose(a, b, rtol=1e-6))


GEOMETRIES: tuple[dict[str, Any], ...] = (
    {"channels": [3, 3], "kernel_size": [3, 3], "bias": True},
    {"channels": [2, 5], "kernel_size": [3, 3], "bias": False, "padding": [1, 1]},
    {"channels": [4, 6], "kernel_size": [1, 3], "bias": True, "stride": [2, 1], "padding": [0, 2], "dilation": [1, 2]},
    {"channels": [4, 8], "kernel_size": [3, 2], "bias": True, "groups": 2},
)


@LAB.task("4.3", "Fold BatchNorm exactly", points=4, minutes=15, difficulty=3, importance=4, names=("fold",))
def check_fold(student: Student, rng: np.random.Generator) -> None:
    for geometry in GEOMETRIES:
        seed, eps = int(rng.integers(2**31)), float(rng.uniform(0.01, 0.1))
        pair = student.make(f"{FIXTURES}:ConvolutionAndNorm", seed, eps=eps, **geometry)
        conv, bn = (pair.attribute(name, keep=True) for name in ("conv", "bn"))
        before = [conv.call("state_dict"), bn.call("state_dict")]
        try:
            folded = student.call("fold", conv, bn, keep=True)
        except Raised as error:
            if "Fusion only for eval" not in error.text:
                raise
            what = "`torch.nn.utils.fuse_conv_bn_eval` is the function that you are rebuilding"
            raise Wrong(what, "Compute the new weight and the new bias yourself; compare with it afterwards.") from None
        require(
            folded.type_name == "Conv2d",
            f"fold should return one nn.Conv2d; it returned a value of type {folded.type_name}",
            "The point is that a single convolution remains: build an `nn.Conv2d` and give it new weights.",
        )
        for layer, state, name in zip((conv, bn), before, ("convolution", "BatchNorm"), strict=True):
            after = layer.call("state_dict")
            require(
                all(torch.equal(after[key], value) for key, value in state.items()),
                f"The {name} that was handed in has changed",
                "Put the new numbers into a new `nn.Conv2d`; somebody may still need the old one.",
            )
        images = torch.from_numpy(rng.standard_normal((2, geometry["channels"][0], 9, 8)))
        _check_folded(folded, images, before[0], before[1], eps, geometry)
    _check_refuses_training(student, rng)


def _check_folded(
    folded: Handle, images: Tensor, conv: dict[str, Tensor], bn: dict[str, Tensor], eps: float, geometry: dict[str, Any]
) -> None:
    options = {name: geometry[name] for name in ("stride", "padding", "dilation", "groups") if name in geometry}
    described = ", ".join(f"{name}={tuple(v) if isinstance(v, list) else v}" for name, v in options.items())
    raw = nn.functional.conv2d(images, conv["weight"], None, **options)
    bias = conv.get("bias", torch.zeros(len(bn["bias"]), dtype=torch.float64))
    expected = _normalised(raw, bias, bn, eps)
    copy_the_rest = f"Hand `stride`, `padding`, `dilation` and `groups` of `conv` on to the new one (here {described})."
    kinds = {value.dtype for value in folded.call("state_dict").values()}
    require(
        kinds == {torch.float64},
        f"The folded convolution computes in {', '.join(str(kind).removeprefix('torch.') for kind in kinds)}; "
        "the one given is float64",
        "The new numbers keep the old dtype if you compute them from the old ones and wrap them in `nn.Parameter`.",
    )
    try:
        got = folded.call("__call__", images)
    except Raised as error:
        raise Wrong(f"The folded convolution cannot be called: {error}", copy_the_rest if options else "") from None
    if isinstance(got, Tensor) and got.shape != expected.shape:
        raise Wrong(
            f"The folded convolution gives the shape {tuple(got.shape)}; before folding it was {tuple(expected.shape)}",
            copy_the_rest,
        )
    mistakes = (
        (_normalised(raw, bias, bn, 0.0), "`eps` is missing under the root", "scale = γ / √(running_var + eps)."),
        (_normalised(raw, bias, bn, eps, root=False), "The root is missing", "Divide by √(running_var + eps)."),
        (_normalised(raw, 0 * bias, bn, eps), "The convolution's own bias got lost", "A convolution may have a bias."),
        (
            _normalised(raw, 0 * bias, bn, eps) + bias[:, None, None],
            "The convolution's own bias was not scaled",
            "BatchNorm scales everything that the convolution gives, its bias too.",
        ),
        (
            _normalised(raw, bias, bn | {"weight": torch.ones_like(bn["weight"])}, eps),
            "γ is missing",
            "scale = γ / √(running_var + eps), and γ is `bn.weight`.",
        ),
        (
            _normalised(raw, bias, bn | {"bias": torch.zeros_like(bn["bias"])}, eps),
            "β is missing",
            "After the scaling comes β, `bn.bias`: it joins the new bias.",
        ),
        (
            _normalised(raw, bias + bn["running_mean"], bn, eps) - bn["running_mean"][:, None, None],
            "The running mean was not scaled",
            "Subtract the mean before you multiply by the scale.",
        ),
    )
    for result, what, hint in mistakes:
        if isinstance(got, Tensor) and _alike(got, result) and not _alike(result, expected):
            raise Wrong(f"{what}: the folded layer is off by up to {(got - expected).abs().max():.2g}", hint)
    hint = "Scale each *output* channel's weights (the first dimension), then work out the bias."
    expect_close(got, expected, "What the folded convolution computes", hint, rtol=1e-9, atol=1e-10)


def _normalised(raw: Tensor, bias: Tensor, bn: dict[str, Tensor], eps: float, root: bool = True) -> Tensor:
    """Return BatchNorm in eval mode of raw + bias, by the formula of its documentation."""
    variance = (bn["running_var"] + eps)[:, None, None]
    centred = raw + (bias - bn["running_mean"])[:, None, None]
    scaled = centred / (variance.sqrt() if root else variance)
    return scaled * bn["weight"][:, None, None] + bn["bias"][:, None, None]


def _alike(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-9, atol=1e-10)


def _check_refuses_training(student: Student, rng: np.random.Generator) -> None:
    pair = student.make(f"{FIXTURES}:ConvolutionAndNorm", int(rng.integers(2**31)), eps=0.01, **GEOMETRIES[0])
    conv, bn = (pair.attribute(name, keep=True) for name in ("conv", "bn"))
    bn.call("train", keep=True)
    try:
        student.call("fold", conv, bn, keep=True)
    except Raised as error:
        require(error.kind == "ValueError", f"In training mode, fold should raise ValueError; it raised {error}")
        return
    raise Wrong(
        "fold folded a BatchNorm in training mode, whose statistics change with every batch",
        "Look at `bn.training` and raise a `ValueError` that says what to do.",
    )


@LAB.task("4.4", "Three slow-downs removed", points=4, minutes=15, difficulty=2, importance=5, names=("predict_fast",))
def check_predict(student: Student, rng: np.random.Generator) -> None:
    count, batch_size = int(rng.integers(150, 190)), int(rng.integers(33, 49))
    images = torch.from_numpy(rng.uniform(0, 1, (count, 1, 8, 8)).astype(np.float32) ** 2)
    model = student.make(f"{FIXTURES}:WatchedNet")
    model.call("train_once", images[:50] * 3)
    state = model.call("state_dict")
    function = student.get("predict_fast", keep=True)
    run = student.make(f"{FIXTURES}:CountedRun", function, model, images, batch_size)
    logits, sizes = run.attribute("result"), model.attribute("batch_sizes")
    require(
        isinstance(logits, Tensor) and tuple(logits.shape) == (count, 10),
        f"predict_fast should return logits of the shape ({count}, 10); it returned "
        + (f"the shape {tuple(logits.shape)}" if isinstance(logits, Tensor) else f"a value of type {_type(logits)}"),
        "Collect each batch's logits and put them together with `torch.cat` at the end.",
    )
    require(sizes, "The net was never called", "Call `model(batch)` for each batch.")
    require(
        max(sizes) <= batch_size,
        f"A batch of {max(sizes)} images went through the net; batch_size is {batch_size}",
        "`images.split(batch_size)` cuts the images into batches, the last one smaller.",
    )
    batches = -(-count // batch_size)
    require(
        len(sizes) <= batches,
        f"The net was called {len(sizes)} times for {count} images; with batch_size={batch_size}, {batches} are enough",
        "Slow-down: the net gets fewer images per call than it could. `images.split(batch_size)` gives the batches.",
    )
    require(
        run.attribute("reductions") <= 4,
        f"Sums over all the images were taken {run.attribute('reductions')} times, though they never change",
        "Slow-down: work inside the loop that is the same each time. Move it before the loop.",
    )
    require(
        not model.attribute("recorded"),
        "Autograd recorded the net's operations for a backward pass that never comes",
        "Slow-down: nothing switched the recording off. `torch.inference_mode()` does.",
    )
    require(not model.attribute("trained"), "The net ran in training mode", "Keep the line `model.eval()`.")
    operations = run.attribute("operations")
    require(
        operations <= 20 * batches + 40,
        f"predict_fast took {operations} torch operations for {batches} batches: something still goes image by image",
        "Normalise a whole batch, or all the images, in one operation.",
    )
    _check_logits(logits, images, state, batch_size)


def _check_logits(logits: Tensor, images: Tensor, state: dict[str, Tensor], batch_size: int) -> None:
    expected = _logits((images - images.mean()) / images.std(), state)
    batches = images.split(batch_size)
    by_batch = torch.cat([_logits((batch - batch.mean()) / batch.std(), state) for batch in batches])
    if torch.allclose(logits, by_batch, atol=1e-5) and not torch.allclose(by_batch, expected, atol=1e-5):
        raise Wrong(
            "Each batch was normalised by its own mean and deviation, so an image's logits depend on its neighbours",
            "The slow version takes both numbers over all the images; take them once, before the loop.",
        )
    means, deviations = (getattr(images, name)(dim=(1, 2, 3), keepdim=True) for name in ("mean", "std"))
    if torch.allclose(logits, _logits((images - means) / deviations, state), atol=1e-5):
        raise Wrong(
            "Each image was normalised by its own mean and deviation",
            "The slow version takes both numbers over all the images: `images.mean()`, without a dimension.",
        )
    expect_close(logits, expected, "The logits", "They should be those of `predict_slowly`.", rtol=1e-3, atol=1e-4)


def _logits(images: Tensor, state: dict[str, Tensor]) -> Tensor:
    scores = nn.functional.linear(images.flatten(1), state["layers.1.weight"], state["layers.1.bias"])
    mean, variance, weight, bias = (state[f"layers.2.{n}"] for n in ("running_mean", "running_var", "weight", "bias"))
    return nn.functional.batch_norm(scores, mean, variance, weight, bias)


LAB.task(
    "4.5", "A batch size for a budget", points=3, minutes=12, difficulty=3, importance=4, names=("pick_batch_size",)
)(check_pick)
