"""Lab 02's checks: rules of a scalar engine, the way back, swish, a batch in pieces, lost and mended graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from coursekit.checks import Lab, Wrong, expect_close, require
from coursekit.labs.lab_02_engine import check_backward, check_rules
from coursekit.student import Handle, Raised, Student

LAB = Lab("02", "lab_02_autograd", "Autograd")
FIXTURES = "coursekit.labs.lab_02_fixtures"

LAB.task(
    "2.1", "Rules for a Value", points=4, minutes=18, difficulty=3, importance=4, names=("Value",)
)(check_rules)  # fmt: skip
LAB.task(
    "2.2", "The way back", points=4, minutes=18, difficulty=4, importance=5, names=("backward",)
)(check_backward)  # fmt: skip


@LAB.task(
    "2.3", "Swish, with a gradient of your own", points=3, minutes=12, difficulty=2, importance=4, names=("Swish",),
    self_reported="what gradcheck says, and which tensors are kept for backward",
)  # fmt: skip
def check_swish(student: Student, rng: np.random.Generator) -> None:
    swish = student.get("Swish", keep=True)
    for shape, dtype in (((7,), torch.float32), ((), torch.float64), ((3, 4), torch.float64), ((0, 2), torch.float32)):
        x = torch.from_numpy(rng.normal(0, 2, shape)).to(dtype).reshape(shape)
        _check_swish_at(student, swish, x, torch.from_numpy(rng.normal(1, 1, shape)).to(dtype).reshape(shape), "leaf")
    rows = torch.from_numpy(rng.normal(0, 2, (3, 4)))
    _check_swish_at(student, swish, rows, torch.from_numpy(rng.normal(1, 1, (4, 3))), "view_of_leaf")
    _check_swish_at(student, swish, torch.tensor([-100.0, 0.0, 100.0]), torch.tensor([1.0, 2.0, 3.0]), "leaf")
    apply = swish.attribute("apply", keep=True)
    try:
        student.make("torch.autograd:gradcheck", apply, student.make(f"{FIXTURES}:leaf", rows))
    except Raised as error:
        said = " ".join(error.text.split())[:120]
        raise Wrong(
            f"`torch.autograd.gradcheck` refuses your Swish: {said}",
            "Compare your backward with the nudged slopes that it prints when you call it yourself.",
        ) from None


def _check_swish_at(student: Student, swish: Handle, values: Tensor, incoming: Tensor, leaf: str) -> None:
    given = student.make(f"{FIXTURES}:{leaf}", values)
    x = (values if leaf == "leaf" else values.t()).clone().requires_grad_()
    expected = torch.nn.functional.silu(x)
    expected.backward(incoming)
    answer = swish.call("apply", given, keep=True)
    require(
        answer.type_name == "Tensor",
        f"`Swish.apply(x)` should return a tensor; it returns a value of type {answer.type_name}",
        "Is a `return` missing in forward?",
    )
    result = answer.value()
    if result.shape == x.shape and torch.allclose(result, torch.sigmoid(x)) and x.numel() > 1:
        raise Wrong("`Swish.apply(x)` is sigmoid(x)", "swish multiplies it by x.")
    expect_close(result, expected.detach(), "`Swish.apply(x)`", "swish(x) = x · sigmoid(x), element by element.")
    node = answer.attribute("grad_fn", keep=True)
    require(
        node.type_name == "SwishBackward",
        f"The result's grad_fn is of type {node.type_name}, not SwishBackward",
        "Swish needs a static `forward(ctx, x)` and a static `backward(ctx, gradient)`.",
    )
    kept = node.attribute("saved_tensors")
    require(
        len(kept) == 1,
        f"{len(kept)} tensors are kept by `ctx.save_for_backward`; one is asked for, the input",
        "`ctx.save_for_backward(x)` keeps x, `ctx.saved_tensors` gives it back; compute the sigmoid anew in backward.",
    )
    expect_close(
        kept[0], x.detach(), "The tensor kept for backward", "Keep the input: the result alone does not determine it."
    )
    answer.call("backward", incoming)
    _name_swish_mistake(given.attribute("grad"), x, incoming)


def _name_swish_mistake(got: Any, x: Tensor, incoming: Tensor) -> None:
    """Compare the gradient; a mistake that can be recognised is called by its name."""
    value, s = x.detach(), torch.sigmoid(x.detach())
    slope, second = s + value * s * (1 - s), value * s * (1 - s)
    mistakes = {
        "the slope itself, whatever gradient comes in": (slope, "The chain rule: multiply by the incoming `gradient`."),
        "incoming · sigmoid(x)": (incoming * s, "By the product rule there is a second term, x · sigmoid'(x)."),
        "incoming · sigmoid'(x)": (incoming * s * (1 - s), "That is the slope of sigmoid; swish is x · sigmoid(x)."),
        "incoming · x · sigmoid'(x)": (incoming * second, "By the product rule there is a first term, sigmoid(x)."),
    }
    expected = x.grad
    assert expected is not None
    if isinstance(got, Tensor) and got.isnan().any():
        place = value[got.isnan()][0].item()
        raise Wrong(
            f"The gradient of `Swish.apply(x)` is nan at x = {place:g}",
            "exp of a large number is inf, and inf / inf is nan: `torch.sigmoid` copes with any x.",
        )
    if isinstance(got, Tensor) and got.shape == x.shape and x.numel() > 2:
        for name, (wrong, hint) in mistakes.items():
            if torch.allclose(got, wrong) and not torch.allclose(wrong, expected):
                raise Wrong(f"The gradient of `Swish.apply(x)` is {name}", hint)
    expect_close(
        got,
        expected,
        "The gradient of `Swish.apply(x)`",
        "With s = sigmoid(x), the product rule gives s + x · s · (1 − s), times the incoming gradient.",
    )


@LAB.task(
    "2.4", "A batch in pieces", points=2, minutes=10, difficulty=3, importance=4, names=("accumulate",),
    self_reported="the order and the sizes of the calls",
)  # fmt: skip
def check_accumulate(student: Student, rng: np.random.Generator) -> None:
    for rows, chunk in ((12, 4), (int(rng.integers(5, 8)) * 4 + 1, 4), (5, 1), (3, 10)):
        inputs, targets, start, stale = (
            torch.from_numpy(rng.normal(size=shape).astype(np.float32)) for shape in ((rows, 3), (rows,), (3,), (3,))
        )
        targets *= torch.linspace(0.1, 3, rows)  # the last rows differ from the first, so weighing them wrongly shows
        _check_pieces(student, inputs, targets, start, stale, chunk)


def _check_pieces(student: Student, inputs: Tensor, targets: Tensor, start: Tensor, stale: Tensor, chunk: int) -> None:
    def mean(part: Tensor, truth: Tensor) -> tuple[Tensor, float]:
        weight = start.clone().requires_grad_()
        loss = ((torch.tanh(part @ weight) - truth) ** 2).mean()
        return torch.autograd.grad(loss, weight)[0], loss.item()

    gradient, loss = mean(inputs, targets)
    pieces = [mean(part, truth) for part, truth in zip(inputs.split(chunk), targets.split(chunk), strict=True)]
    function = student.make(f"{FIXTURES}:MeanLoss")
    weight = student.make(f"{FIXTURES}:Weight", start, stale)
    answer = student.call("accumulate", function, weight.attribute("tensor", keep=True), inputs, targets, chunk)
    events, rows = function.attribute("events"), function.attribute("rows")
    where = f"{len(inputs)} rows in pieces of {chunk}"
    require(
        rows and max(rows) <= chunk,
        f"The loss function was called with {max(rows, default=0)} rows at once; at most {chunk} were allowed",
        "`inputs.split(chunk)` gives the pieces.",
    )
    require(
        sum(rows) == len(inputs),
        f"With {where}, the loss function saw {sum(rows)} rows altogether",
        "The last piece may be smaller; it counts too.",
    )
    require(
        "backward" in events,
        f"With {where}, no backward went through the loss",
        "Call `backward()` on each piece's loss.",
    )
    require(
        events == ["forward", "backward"] * len(rows),
        f"With {where}, the calls came in the order {', '.join(events[:4])}, …",
        "Call `backward()` for a piece before the next piece's loss is made; else all graphs are in memory at once.",
    )
    got = weight.attribute("tensor.grad")
    total = torch.stack([g for g, _ in pieces]).sum(0)
    mistakes = [
        (
            gradient + stale,
            "is the right one plus the stale gradient that was there before",
            "Set `weight.grad = None` before the first piece.",
        ),
        (
            pieces[-1][0] * rows[-1] / len(inputs),
            "is that of the last piece alone",
            "Clear `weight.grad` once, before the loop.",
        ),
        (pieces[-1][0], "is that of the last piece alone", "Clear `weight.grad` once, before the loop."),
        (
            total,
            "is the sum of the pieces' gradients",
            "The loss function gives means: weigh each by its share of the rows, `len(rows) / len(inputs)`.",
        ),
        (
            total / len(pieces),
            "counts each piece alike",
            "The last piece is smaller: weigh each by its share of the rows.",
        ),
    ]
    for wrong, seen, hint in mistakes:
        if (
            isinstance(got, Tensor)
            and got.shape == wrong.shape
            and torch.allclose(got, wrong, rtol=1e-4)
            and not torch.allclose(wrong, gradient, rtol=1e-3)
        ):
            raise Wrong(f"With {where}, the gradient {seen}", hint)
    expect_close(
        got,
        gradient,
        f"With {where}, weight.grad",
        "The mean over all rows is the sum of the pieces' means, each times its share of the rows.",
    )
    kind = getattr(answer, "type_name", type(answer).__name__)
    require(
        type(answer) is float,
        f"accumulate should return a Python float; it returned a value of type {kind}",
        "A tensor that you add up keeps every piece's graph alive: `.item()` gives the number.",
    )
    if np.isclose(answer, sum(each for _, each in pieces) / len(pieces)) and not np.isclose(answer, loss):
        raise Wrong(
            f"With {where}, the loss is the mean of the pieces' means",
            "The last piece is smaller: weigh each by its share of the rows.",
        )
    expect_close(answer, loss, f"With {where}, the loss", "It is the mean over all rows.")


@LAB.task("2.5", "Who gets no gradient?", points=2, minutes=10, difficulty=3, importance=4, names=("unreached",))
def check_unreached(student: Student, rng: np.random.Generator) -> None:
    names = ["w1", "b1", "w2", "gain", "b2"]
    for cut in (["w2"], [], names, *([name for name in names if rng.random() < 0.5] for _ in range(4))):
        _check_scene(student, names, cut)


def _check_scene(student: Student, names: list[str], cut: list[str]) -> None:
    scene = student.make(f"{FIXTURES}:Scene", cut)
    before = scene.call("gradients")
    parameters, loss = scene.attribute("parameters", keep=True), scene.attribute("loss", keep=True)
    try:
        answer = student.call("unreached", loss, parameters)
    except Raised as error:
        if len(cut) < len(names):
            raise
        what = f"For a loss without any graph, unreached raised {error}"
        raise Wrong(what, "Its `grad_fn` is None; then no parameter is reached.") from None
    kind = getattr(answer, "type_name", type(answer).__name__)
    require(isinstance(answer, list), f"unreached should return a list of names; it returned a value of type {kind}")
    require(
        all(torch.equal(a, b) for a, b in zip(before, scene.call("gradients"), strict=True)),
        "After unreached a parameter's `.grad` is not what it was",
        "Do not call `backward()`: follow `loss.grad_fn` and `next_functions` instead.",
    )
    if len(cut) == len(names) and len(answer) < len(names):
        what = f"For a loss without any graph, unreached returned {answer}"
        raise Wrong(what, "Without a graph no path leads anywhere: every parameter is unreached.")
    if cut and set(answer) == set(names) - set(cut):
        raise Wrong(f"unreached lists {_and(answer)}: those that a path leads to", "Asked for are the others.")
    missed = [name for name in cut if name not in answer]
    if missed:
        what = f"No path leads to {_and(missed)}, but unreached lists {answer}"
        hint = "An old `.grad` proves nothing, nor does `requires_grad`: only the graph of this loss counts."
        raise Wrong(what, hint, _graph_picture(student, loss, parameters))
    extra = [name for name in answer if name not in cut]
    if extra:
        what = f"unreached lists {_and(extra)}, but a path leads there"
        hint = (
            "Follow every entry of `next_functions` to its end, and compare `node.variable` with the parameter by `is`."
        )
        if extra == ["b2"]:
            hint = "A gradient of 0 is a gradient: what arrives at `b2` is 0 only because a relu on the way is off."
        raise Wrong(what, hint, _graph_picture(student, loss, parameters))
    order = [name for name in names if name in cut]
    require(
        answer == order,
        f"unreached should list each name once, in the dictionary's order, {order}; it returned {answer}",
    )
    if len(cut) == len(names):
        return
    try:
        loss.call("backward")
    except Raised as error:
        what = f"After unreached, `loss.backward()` raises {error.kind}"
        raise Wrong(
            what, "Your function has used up what the nodes had saved. Walk the graph, do not run it."
        ) from None


def _and(names: Sequence[str]) -> str:
    """Return "`a`, `b` and `c`"."""
    *most, last = (f"`{name}`" for name in names)
    return f"{', '.join(most)} and {last}" if most else last


def _graph_picture(student: Student, loss: Handle, parameters: Handle) -> Callable[[], Any] | None:
    """Read the graph behind a learner's loss and return what draws it, with the leaves that no path leads to."""
    from coursekit import autograd_graph

    try:
        traced = student.make("coursekit.autograd_graph:trace", loss, parameters)
        parts = [traced.attribute(name) for name in ("labels", "kinds", "edges")]
        graph = autograd_graph.Graph([str(label)[:40] for label in parts[0]], *parts[1:])
    except (Raised, ValueError, TypeError):
        return None  # no graph that could be drawn; the words must do
    return lambda: autograd_graph.draw(graph, title="The graph behind the loss").figure


@LAB.task("2.6", "Mend the graph", points=2, minutes=8, difficulty=2, importance=5, names=("repaired_loss",))
def check_repaired(student: Student, rng: np.random.Generator) -> None:
    shapes = {"w1": (3, 4), "b1": (4,), "w2": (4,), "gain": (), "b2": ()}
    values = {
        name: torch.from_numpy(np.asarray(rng.normal(0, 0.8, shape), np.float32)) for name, shape in shapes.items()
    }
    inputs, targets = (torch.from_numpy(rng.normal(size=shape).astype(np.float32)) for shape in ((9, 3), (9,)))
    leaves = {name: value.clone().requires_grad_() for name, value in values.items()}

    def reference(limit: float) -> Tensor:
        hidden = torch.tanh(inputs @ leaves["w1"] + leaves["b1"]).clamp(-limit, limit)
        return ((hidden @ leaves["w2"] * leaves["gain"] + leaves["b2"] - targets) ** 2).mean()

    expected, unclipped = reference(0.8), reference(1.0).item()
    expected.backward()
    weights = student.make(f"{FIXTURES}:Weights", values)
    parameters = weights.attribute("parameters", keep=True)
    loss = student.call("repaired_loss", parameters, inputs, targets, keep=True)
    if loss.type_name != "Tensor":
        expect_close(loss.value(), expected.detach(), "The loss")
    value = loss.value()
    if value.shape == () and abs(value.item() - unclipped) < 1e-5 < abs(expected.item() - unclipped):
        raise Wrong(
            "The loss is that of a net whose hidden values are not clipped",
            "`hidden.clamp(-0.8, 0.8)` is torch's own clip, and it has a gradient.",
        )
    expect_close(value, expected.detach(), "The loss", "Mend the graph, keep the calculation.")
    picture = _graph_picture(student, loss, parameters)
    if loss.attribute("requires_grad"):
        loss.call("backward")
    gradients = dict(zip(shapes, weights.call("gradients"), strict=True))
    missing = [name for name, gradient in gradients.items() if gradient is None]
    if missing:
        raise Wrong(f"No path leads from the loss to {_and(missing)}", _cut_hint(missing), picture)
    for name, leaf in leaves.items():
        assert leaf.grad is not None
        expect_close(
            gradients[name],
            leaf.grad,
            f"The gradient of `{name}`",
            "A path is there, but it is not that of this calculation: is a part of it still cut?",
            rtol=1e-3,
        )


def _cut_hint(missing: Sequence[str]) -> str:
    """Return where to look for the first edge that is missing."""
    if len(missing) == 5:
        return "The loss itself has left the graph. Is everything under `no_grad`, or in NumPy?"
    if "w2" in missing:
        return (
            "Under `no_grad` nothing is recorded, so no path leads into that block: not to `w2`, nor to what feeds it."
        )
    if "w1" in missing or "b1" in missing:
        return (
            "Between the layers the numbers leave torch and come back as a constant. `requires_grad_()` does not cure "
            "that: it makes a new leaf in the middle. Clip with torch."
        )
    return "`.item()` and `.detach()` turn a weight into a plain number or a constant."
