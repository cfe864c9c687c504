"""Objects that lab 02's checks build beside the learner's code. They know no reference answer."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

# What a step of an expression may do, under the name that messages use. Works on the learner's Values and on tensors.
OPERATIONS: dict[str, Any] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "**": operator.pow,
    "negative": operator.neg,
    "exp": operator.methodcaller("exp"),
    "relu": operator.methodcaller("relu"),
}
MOST_NODES = 20_000


def evaluate(steps: Sequence[Sequence[Any]], leaves: Sequence[Any]) -> Any:
    """Return the last result of `steps`, each (operation, operands); an int is an earlier value, a float itself."""
    values = list(leaves)
    for name, *operands in steps:
        values.append(OPERATIONS[name](*(values[each] if type(each) is int else each for each in operands)))
    return values[-1]


def record(output: Any, leaves: Sequence[Any]) -> dict[str, list[Any]]:
    """Write down the graph behind a learner's `output` as plain lists, `leaves` first, then whatever is found.

    "parents" holds indices; "local_derivatives" floats, or the type's name where one is no number; "types" the
    nodes' type names; "containers" what the output keeps its parents and its local derivatives in.
    """
    nodes = list(leaves) + ([] if any(output is leaf for leaf in leaves) else [output])
    index = {id(node): position for position, node in enumerate(nodes)}
    parents, local_derivatives = [], []
    for node in nodes:  # grows while it is walked
        is_value = type(node) is type(output)
        own = list(node.parents) if is_value else []
        for parent in own:
            if id(parent) not in index and len(nodes) < MOST_NODES:
                index[id(parent)] = len(nodes)
                nodes.append(parent)
        parents.append([index.get(id(parent), 0) for parent in own])
        derivatives = list(node.local_derivatives) if is_value else []
        local_derivatives.append([float(d) if isinstance(d, int | float) else type(d).__name__ for d in derivatives])
    return {
        "parents": parents,
        "local_derivatives": local_derivatives,
        "types": [type(node).__name__ for node in nodes],
        "output": [index[id(output)]],
        "containers": [type(output.parents).__name__, type(output.local_derivatives).__name__],
    }


class Node:
    """A node of a graph that a learner's `backward` walks; it counts how often its parents are read."""

    def __init__(self) -> None:
        self.grad = 0.0
        self.reads = 0
        self.local_derivatives: tuple[float, ...] = ()
        self._parents: tuple[Node, ...] = ()

    @property
    def parents(self) -> tuple[Node, ...]:
        """The nodes that this one was computed from."""
        self.reads += 1
        if self.reads > 1000:
            raise RuntimeError("the parents of one node were read more than 1000 times")
        return self._parents


class NodeGraph:
    """Nodes 0 to n-1, linked as described; the last one is the output."""

    def __init__(self, parents: Sequence[Sequence[int]], local_derivatives: Sequence[Sequence[float]]) -> None:
        self.nodes = [Node() for _ in parents]
        for node, own, derivatives in zip(self.nodes, parents, local_derivatives, strict=True):
            node._parents = tuple(self.nodes[each] for each in own)
            node.local_derivatives = tuple(derivatives)
        self.output = self.nodes[-1]

    def gradients(self) -> list[Any]:
        """Return each node's grad."""
        return [node.grad for node in self.nodes]


def leaf(values: Tensor) -> Tensor:
    """Return a leaf with these values that requires a gradient."""
    return values.clone().requires_grad_()


def view_of_leaf(values: Tensor) -> Tensor:
    """Return the transpose of a leaf (rows, columns): not contiguous, and not a leaf, with its gradient retained."""
    turned = leaf(values).t()
    turned.retain_grad()
    return turned


class MeanLoss:
    """The mean over rows of (tanh(inputs @ weight) - targets)²; writes down each call and each backward through it."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.rows: list[int] = []

    def __call__(self, weight: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        loss = ((torch.tanh(inputs @ weight) - targets) ** 2).mean()
        self.events.append("forward")
        self.rows.append(len(inputs))
        if loss.requires_grad:
            loss.register_hook(lambda gradient: self.events.append("backward"))
        return loss


class Weight:
    """A weight vector (leaf) with a stale gradient from some earlier step in it."""

    def __init__(self, values: Tensor, stale: Tensor) -> None:
        self.tensor = leaf(values)
        self.tensor.grad = stale.clone()


class Scene:
    """A small net whose parameters in `cut` have no path to the loss, although all take part in the calculation."""

    def __init__(self, cut: Sequence[str]) -> None:
        names = ("w1", "b1", "w2", "gain", "b2")
        shapes = ((3, 4), (4,), (4,), (), ())
        self.parameters = {name: leaf(torch.rand(shape) + 0.5) for name, shape in zip(names, shapes, strict=True)}
        for parameter in self.parameters.values():
            parameter.grad = torch.full_like(parameter, 7.0)  # from an earlier step
        used = {name: value.detach() if name in cut else value for name, value in self.parameters.items()}
        hidden = torch.tanh(torch.rand(5, 3) @ used["w1"] + used["b1"])
        off = torch.relu(used["b2"] - 100)  # a path to b2 along which the gradient is 0
        self.loss = ((hidden @ used["w2"] * used["gain"] + off + used["gain"]) ** 2).mean()

    def gradients(self) -> list[Tensor | None]:
        """Return each parameter's grad."""
        return [parameter.grad for parameter in self.parameters.values()]


class Weights:
    """Named leaves, as the dictionary that a learner's loss function takes."""

    def __init__(self, values: dict[str, Tensor]) -> None:
        self.parameters = {name: leaf(tensor) for name, tensor in values.items()}

    def gradients(self) -> list[Tensor | None]:
        """Return each weight's grad."""
        return [weight.grad for weight in self.parameters.values()]
