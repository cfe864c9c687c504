"""Lab 02's checks of the scalar engine: the rules of a Value, and the way back. `lab_02_autograd` registers them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from coursekit.checks import Wrong, expect_close, require
from coursekit.labs.lab_02_fixtures import evaluate
from coursekit.student import Handle, Raised, Student

FIXTURES = "coursekit.labs.lab_02_fixtures"

# An expression: its text, its steps (see lab_02_fixtures.evaluate; 0 is a, 1 is b), and what to look at if it is wrong.
Row = tuple[str, list[tuple[Any, ...]], str]
RULES: list[Row] = [
    ("a + b", [("+", 0, 1)], "If either term grows by 1, the sum grows by 1."),
    ("a * b", [("*", 0, 1)], "The local derivative for each factor is the other factor."),
    ("-a", [("negative", 0)], "If `a` grows by 1, `-a` shrinks by 1."),
    ("a - b", [("-", 0, 1)], "If `b` grows by 1, `a - b` shrinks by 1."),
    ("a / b", [("/", 0, 1)], "`a / b` is a · b⁻¹: the power rule for `b` brings a minus sign and a square."),
    ("a ** 3", [("**", 0, 3.0)], "The power rule: n · aⁿ⁻¹, from the parent's number, not from the result."),
    ("a ** -2", [("**", 0, -2.0)], "The power rule: n · aⁿ⁻¹, from the parent's number, not from the result."),
    ("a.exp()", [("exp", 0)], "The slope of eᵃ is eᵃ itself: the result."),
    ("a.relu()", [("relu", 0)], "relu passes a positive number on (slope 1) and answers 0 to any other (slope 0)."),
    ("(-a).relu()", [("negative", 0), ("relu", 2)], "relu answers 0 to a negative number, with slope 0."),
]
RIGHT = "Here your method gets a plain number: make a Value of it first."
LEFT = "Python asks the number first, then your `__{}__`, where `self` stands on the right."
NUMBERS: list[Row] = [
    ("a + 1.5", [("+", 0, 1.5)], RIGHT),
    ("a - 1.5", [("-", 0, 1.5)], RIGHT),
    ("a * 1.5", [("*", 0, 1.5)], RIGHT),
    ("a / 1.5", [("/", 0, 1.5)], RIGHT),
    ("1.5 + a", [("+", 1.5, 0)], LEFT.format("radd")),
    ("1.5 - a", [("-", 1.5, 0)], LEFT.format("rsub")),
    ("1.5 * a", [("*", 1.5, 0)], LEFT.format("rmul")),
    ("1.5 / a", [("/", 1.5, 0)], LEFT.format("rtruediv")),
]
TUPLES = "Here `a` is a parent twice, with two local derivatives: keep both, in tuples; a set or a dict keeps one."
TWICE: list[Row] = [(f"a {sign} a", [(sign, 0, 0)], TUPLES) for sign in ("*", "+", "/", "-")]
AT_ZERO: list[Row] = [
    ("a ** 2", [("**", 0, 2.0)], "n · aⁿ⁻¹ needs no division; n · result / a does."),
    ("a ** 1", [("**", 0, 1.0)], "n · aⁿ⁻¹ with n = 1 is 1, at 0 too."),
    ("a.relu()", [("relu", 0)], "At exactly 0 PyTorch takes the slope 0: `>` and not `>=`."),
]


def check_rules(student: Student, rng: np.random.Generator) -> None:
    """Lab 02, task 2.1: each operation's value and local derivatives, read off the learner's graph."""
    number = float(rng.uniform(0.5, 2))
    value = student.call("Value", number, keep=True)
    for name, expected in (("data", number), ("grad", 0.0)):
        expect_close(
            value.attribute(name),
            expected,
            f"`Value({number:.3f}).{name}`",
            f"A new Value keeps its number in `.data` and starts with grad 0.0; see `.{name}`.",
        )
    for name in ("parents", "local_derivatives"):
        require(
            value.attribute(name) == (),
            f"`Value({number:.3f}).{name}` should be (), the empty tuple; it is {value.attribute(name)!r}",
            "A leaf was computed from nothing.",
        )

    a, b = float(rng.uniform(0.5, 1.5)), float(-rng.uniform(0.5, 1.5))
    for text, steps, hint in RULES + NUMBERS + TWICE:
        _compare(student, text, steps, {"a": a, "b": b}, hint)
    _compare(student, "a ** 0.5", [("**", 0, 0.5)], {"a": a}, "n may be a fraction: the rule n · aⁿ⁻¹ stays the same.")
    for text, steps, hint in AT_ZERO:
        _compare(student, text, steps, {"a": 0.0}, hint)
    for _ in range(15):
        steps = _random_steps(rng)
        leaves = {name: float(each) for name, each in zip("abcd", rng.normal(size=4), strict=True)}
        hint = "Each operation alone is right; does a result still know its parents when it is used again?"
        _compare(student, "a random expression", steps, leaves, hint)


def _random_steps(rng: np.random.Generator) -> list[tuple[Any, ...]]:
    """Return the steps of an expression over four leaves in which no step can overflow or divide by 0."""
    steps: list[tuple[Any, ...]] = []
    for _ in range(6):
        count = 4 + len(steps)
        a, b = (int(each) for each in rng.integers(count, size=2))
        square = [("*", b, b), ("+", 0.5, count)]  # the second gives index count + 1, at least 0.5
        steps += [
            [("+", a, b), ("*", count, 0.5)],
            [("-", a, b), ("negative", count), ("relu", count + 1)],
            [*square, ("/", a, count + 1)],
            [*square, ("/", 1.5, count + 1), ("-", 1.0, count + 2)],
            [*square, ("**", count + 1, -0.5), ("*", count + 2, a)],
            [*square, ("negative", count + 1), ("exp", count + 2), ("-", count + 3, a)],
        ][rng.integers(6)]  # type: ignore[arg-type]
    last = 3 + len(steps)
    return [*steps, ("+", last, last - 1), ("+", last + 1, 0), ("*", last + 2, 1)]


def _compare(student: Student, text: str, steps: list[tuple[Any, ...]], leaves: dict[str, float], hint: str) -> None:
    """Evaluate an expression with the learner's Values and with tensors, and compare value and gradients."""
    where = "" if text.startswith("a random") else ", ".join(f"{n} = {v:.3f}" for n, v in leaves.items() if n in text)
    shown = text if not where else f"`{text}` at {where}"
    tensors = [torch.tensor(each, dtype=torch.float64, requires_grad=True) for each in leaves.values()]
    expected = evaluate(steps, tensors)
    expected.backward()
    values = [student.call("Value", each, keep=True) for each in leaves.values()]
    try:
        output = student.make(f"{FIXTURES}:evaluate", steps, values)
    except Raised as error:
        if error.kind in ("TypeError", "AttributeError", "ZeroDivisionError"):
            raise Wrong(f"{shown} raised {error}", hint) from None
        raise
    require(
        output.type_name == "Value",
        f"{shown} should give a Value; it gives a value of type {output.type_name}",
        "Wrap the result: `return Value(...)`.",
    )
    data = output.attribute("data")
    require(
        isinstance(data, int | float),
        f"The data of {shown} should be a number; it is of type {getattr(data, 'type_name', type(data).__name__)}",
        "Compute with `self.data` and `other.data`, not with the Values.",
    )
    expect_close(data, expected.item(), f"The value of {shown}", hint, rtol=1e-9, atol=1e-9)
    try:
        graph = student.make(f"{FIXTURES}:record", output, values).value()
    except Raised as error:
        if "not iterable" not in error.text:
            raise
        what = f"The result of {shown} keeps its parents or its local derivatives in no tuple ({error.text})"
        raise Wrong(what, "A tuple of one needs a comma: `(self,)`; `(self)` is `self`.") from None
    got = _gradients(graph, shown)
    for (name, _), tensor, gradient in zip(leaves.items(), tensors, got, strict=False):
        wanted = 0.0 if tensor.grad is None else tensor.grad.item() + 0.0  # + 0.0 makes -0 a 0
        what = f"The derivative of {shown} with respect to {name}, read off your graph,"
        expect_close(float(gradient), wanted, what, hint, rtol=1e-7, atol=1e-9)


def _gradients(graph: dict[str, list[Any]], shown: str) -> np.ndarray:
    """Return the gradient at each node of a recorded graph: the g that solves g = seed + (local derivatives)ᵀ g."""
    kinds = " and a ".join(graph["containers"])
    what = f"The result of {shown} keeps its parents and its local derivatives in a {kinds}; tuples are asked for"
    require(set(graph["containers"]) <= {"tuple", "list"}, what, "A set has no order, and keeps a Value only once.")
    matrix = np.eye(len(graph["parents"]))
    for node, (parents, derivatives) in enumerate(zip(graph["parents"], graph["local_derivatives"], strict=True)):
        require(
            len(parents) == len(derivatives),
            f"In the graph of {shown} a Value has {len(parents)} parents and {len(derivatives)} local derivatives",
            "One local derivative for each parent. A Value that is used twice, as in `a * a`, stands there twice.",
        )
        for parent, derivative in zip(parents, derivatives, strict=True):
            kind = graph["types"][parent]
            require(
                kind == "Value",
                f"In the graph of {shown} a parent is of type {kind}",
                "Make a Value of a plain number before it becomes a parent.",
            )
            require(
                isinstance(derivative, float),
                f"In the graph of {shown} a local derivative is of type {derivative}",
                "Local derivatives are plain numbers: compute them from `.data`.",
            )
            matrix[parent, node] -= derivative
    seed = np.zeros(len(matrix))
    seed[graph["output"][0]] = 1.0
    return np.linalg.solve(matrix, seed)


# A graph for `backward`: for each node its parents, and its local derivatives; the last node is the output.
Links = tuple[list[list[int]], list[list[float]]]
MULTIPLY = "On the way to a parent the gradient is multiplied by that parent's local derivative."
ADD_UP = "What arrives at a node adds up: `+=`, once for each use."
WAIT = "A node handed its gradient on before everything that uses it had reported. Count the uses first."
SHAPES: list[tuple[str, str, list[list[int]]]] = [
    ("in a chain of three nodes", MULTIPLY, [[], [0], [1]]),
    ("where a node uses its parent twice, as in `a * a`,", ADD_UP, [[], [0, 0]]),
    ("where a node uses one of its parents twice", ADD_UP, [[], [], [1, 0, 1]]),
    ("where two nodes use the same parent", ADD_UP, [[], [0], [0], [1, 2]]),
    ("where a long path and a short one meet", WAIT, [[], [0], [1], [2], [3, 1]]),
    ("where a short path and a long one meet", WAIT, [[], [0], [1], [2], [1, 3]]),
    ("where many paths meet", WAIT, [[], [0], [0, 1], [1, 2, 0], [3, 2, 1, 0]]),
]


def check_backward(student: Student, rng: np.random.Generator) -> None:
    """Lab 02, task 2.2: the order in which gradients travel."""
    _, got = _run_backward(student, ([[]], [[]]))
    hint = "It starts at the output: its gradient with respect to itself is 1."
    require(got == [1.0], f"If the output is itself a leaf, its grad should be 1 afterwards; it is {got[0]}", hint)
    for where, hint, parents in SHAPES:
        links = _links(parents, rng)
        _expect_gradients(_run_backward(student, links)[1], links, where, hint)
    for _ in range(10):
        inner = [[int(each) for each in rng.integers(node, size=rng.integers(1, 4))] for node in range(3, 18)]
        links = _links([[], [], [], *inner], rng)
        hint = "Every node that the output depends on gets its gradient, and no other."
        _expect_gradients(_run_backward(student, links)[1], links, "in a random graph of 18 nodes", hint)
    _check_second_call(student, _links([[], [0], [1, 0], [2, 1]], rng))

    doublings = _links([[], *([node, node] for node in range(16))], rng)
    _expect_gradients(_run_backward(student, doublings)[1], doublings, "in a graph of 16 doublings", ADD_UP)
    chain = [[], *([node] for node in range(5000))], [[], *([[-1.0]] * 5000)]
    _, got = _run_backward(student, chain)
    require(got[0] == 1.0, f"A chain of 5,000 nodes, each with the local derivative -1, should end in 1, not {got[0]}")


def _links(parents: list[list[int]], rng: np.random.Generator) -> Links:
    return parents, [
        [float(each) for each in rng.uniform(0.5, 1.5, len(own)) * rng.choice((-1, 1), len(own))] for own in parents
    ]


def _run_backward(student: Student, links: Links) -> tuple[Handle, list[float]]:
    """Build the graph, let the learner's backward loose on it, and return the graph and its nodes' gradients."""
    graph = student.make(f"{FIXTURES}:NodeGraph", *links)
    count = f"{len(links[0]):,}"
    try:
        student.call("backward", graph.attribute("output", keep=True), keep=True)
    except Raised as error:
        if error.kind == "RecursionError":
            what = f"On a chain of {count} nodes Python gave up: RecursionError"
            hint = "A function that calls itself once per node goes too deep. Loop over a list of waiting nodes."
            raise Wrong(what, hint) from None
        if "read more than 1000 times" in error.text:
            what = f"In a graph of only {count} nodes your function read the parents of one node more than 1,000 times"
            hint = "It walks every path, and paths double at each fork. Visit each node once."
            raise Wrong(what, hint) from None
        raise
    gradients = graph.call("gradients")
    require(all(isinstance(each, int | float) for each in gradients), "Afterwards a node's grad is not a number")
    return graph, gradients


def _reference(links: Links) -> list[float]:
    """Return what torch's own backward finds for these nodes, taken as weighted sums of their parents."""
    values: list[Tensor] = []
    for parents, derivatives in zip(*links, strict=True):
        terms = [derivative * values[parent] for parent, derivative in zip(parents, derivatives, strict=True)]
        values.append(torch.stack(terms).sum() if terms else torch.ones((), dtype=torch.float64, requires_grad=True))
    gradients = torch.autograd.grad(values[-1], values, allow_unused=True)
    return [0.0 if gradient is None else gradient.item() for gradient in gradients]


def _expect_gradients(got: list[float], links: Links, where: str, hint: str) -> None:
    expected = _reference(links)
    wrong = [not np.isclose(a, b, rtol=1e-9, atol=1e-12) for a, b in zip(got, expected, strict=True)]
    if not any(wrong):
        return
    first = wrong.index(True)
    node = "the output" if first == len(got) - 1 else "a node" if links[0][first] else "a leaf"
    what = f"The gradient of {node} {where} should be {expected[first]:.6g}; it is {got[first]:.6g}"

    def picture() -> Any:
        from coursekit.autograd_graph import Graph, draw

        labels = [f"yours {a:.3g}\nexpected {b:.3g}" for a, b in zip(got, expected, strict=True)]
        kinds = ["marked" if bad else "operation" if own else "leaf" for bad, own in zip(wrong, links[0], strict=True)]
        edges = [(node, parent) for node, parents in enumerate(links[0]) for parent in parents]
        return draw(Graph(labels, kinds, edges), title="The check's graph; where gradients differ, dashed").figure

    raise Wrong(what, hint, picture)


def _check_second_call(student: Student, links: Links) -> None:
    graph, once = _run_backward(student, links)
    student.call("backward", graph.attribute("output", keep=True), keep=True)
    got, expected = graph.call("gradients"), _reference(links)
    again = "After a second `backward` on the same graph"
    require(
        not np.isclose(got[0], once[0], rtol=1e-9),
        f"{again} the leaf's gradient is what it was after the first",
        "Leaves add up over calls, as in PyTorch; only nodes with parents start from 0.",
    )
    for number, one, parents in zip(got, expected, links[0], strict=True):
        wanted = one if parents else 2 * one
        require(
            np.isclose(number, wanted, rtol=1e-9),
            f"{again} a {'node' if parents else 'leaf'} has the gradient {number:.6g} instead of {wanted:.6g}",
            "What an earlier call left in a node with parents was sent on once more: set those nodes to 0 first.",
        )
