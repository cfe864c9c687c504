"""Reads the graph that autograd recorded behind a tensor and draws it, with matplotlib alone.

Lesson 02 draws small expressions (and its own engine's graph) with it; lab 02's checks draw the graph in which an edge
is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from coursekit.plots import BLACK, BLUE, RED

Kind = Literal["operation", "leaf", "constant", "marked", "unreached"]
LOOKS: dict[str, dict[str, Any]] = {  # what differs: fill, frame and text, so that greyscale still tells them apart
    "operation": {"facecolor": "white", "edgecolor": BLACK, "linewidth": 1.6},
    "leaf": {"facecolor": "#cfe6f5", "edgecolor": BLUE, "linewidth": 3.0},
    "constant": {"facecolor": "#f2f2f2", "edgecolor": "#777777", "linewidth": 1.4, "linestyle": ":"},
    "marked": {"facecolor": "#fbe3d6", "edgecolor": RED, "linewidth": 3.0, "linestyle": "--"},
}
LOOKS["unreached"] = LOOKS["marked"]
MOST_NODES = 200  # more would be no picture


@dataclass
class Graph:
    """A graph to draw: one label and kind per node, and edges (from, to) by index, in the gradient's direction.

    Raises ValueError if the parts do not fit together, an edge leads nowhere, or the edges go in a circle.
    """

    labels: list[str]
    kinds: list[str]
    edges: list[tuple[int, int]]

    def __post_init__(self) -> None:
        count = len(self.labels)
        if len(self.kinds) != count or not set(self.kinds) <= set(LOOKS):
            raise ValueError(f"a graph needs one kind of {', '.join(LOOKS)} for each of its {count} labels")
        if any(not (0 <= end < count) for edge in self.edges for end in edge):
            raise ValueError(f"an edge of this graph leads to a node that is not among its {count}")
        self.columns()

    def columns(self) -> list[int]:
        """Return each node's longest distance in edges from a node that nothing leads to."""
        column = [0] * len(self.labels)
        waiting = [sum(to == node for _, to in self.edges) for node in range(len(self.labels))]
        ready = [node for node, count in enumerate(waiting) if not count]
        for node in ready:  # grows while it is walked
            for _, to in (edge for edge in self.edges if edge[0] == node):
                column[to] = max(column[to], column[node] + 1)
                waiting[to] -= 1
                if not waiting[to]:
                    ready.append(to)
        if len(ready) < len(self.labels):
            raise ValueError("the edges of this graph go in a circle")
        return column


def trace(output: Any, names: dict[str, Any] | None = None) -> Graph:
    """Return the graph behind tensor `output`: a node per `grad_fn`, edges along `next_functions`.

    `names` gives leaf tensors their labels; those that no path leads to are in the graph too, of kind "unreached".
    An input that needs no gradient has no node in torch; here it becomes a node of kind "constant".
    Raises ValueError for a graph of more than 200 nodes.
    """
    called = {id(tensor): name for name, tensor in (names or {}).items()}
    if output.grad_fn is None:
        graph = Graph(["no grad_fn"], ["constant"], [])
    else:
        graph = Graph([_label(output.grad_fn, called)], [_kind(output.grad_fn)], [])
    known = {output.grad_fn: 0}
    for function in (found := [output.grad_fn] if output.grad_fn is not None else []):  # grows while it is walked
        for following, _ in function.next_functions:
            if following is None or following not in known:
                graph.labels.append("constant" if following is None else _label(following, called))
                graph.kinds.append("constant" if following is None else _kind(following))
            if following is not None and following not in known:
                known[following] = len(graph.labels) - 1
                found.append(following)
            graph.edges.append((known[function], len(graph.labels) - 1 if following is None else known[following]))
        if len(graph.labels) > MOST_NODES:
            raise ValueError(f"this graph has more than {MOST_NODES} nodes, too many for a picture")
    reached = {id(function.variable) for function in found if hasattr(function, "variable")}
    for name, tensor in (names or {}).items():
        if id(tensor) not in reached and tensor.is_leaf:
            graph.labels.append(f"{name}\nnot reached")
            graph.kinds.append("unreached")
    return graph


def _kind(function: Any) -> Kind:
    return "leaf" if hasattr(function, "variable") else "operation"


def _label(function: Any, called: dict[int, str]) -> str:
    name = type(function).__name__.replace("Backward", "\nBackward").replace("Grad", "\nGrad")  # narrow boxes
    if not hasattr(function, "variable"):
        return name
    variable = function.variable
    return f"{called.get(id(variable), f'leaf {tuple(variable.shape)}')}\n{name}"


def draw(graph: Graph, *, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw `graph` from left (the output) to right (the leaves); arrows point the way the gradient flows."""
    place, routes = _layout(graph)
    low, high = min(y for _, y in place), max(y for _, y in place)
    if ax is None:
        _, ax = plt.subplots(figsize=(max(1.45 * (max(x for x, _ in place) + 1), 6), high - low + 1.5))
    ax.set(xlim=(-0.55, max(x for x, _ in place) + 0.55), ylim=(low - 0.6, high + 0.6), title=title)
    ax.axis("off")
    boxes = []
    for label, kind, (x, y) in zip(graph.labels, graph.kinds, place, strict=False):
        box = {"boxstyle": "square,pad=0.4" if kind == "operation" else "round,pad=0.4"} | LOOKS[kind]
        boxes.append(ax.text(x, y, label, ha="center", va="center", fontsize=11, bbox=box).get_bbox_patch())
    ax.figure.draw_without_rendering()  # type: ignore[union-attr]  # the boxes get their sizes, which clip the arrows
    for route in routes:
        for start, end in pairwise(route):
            bend = 0.0
            if routes.count(route) > 1:  # x * x: the same two nodes twice, drawn as two bows
                bend = 0.3 if route is next(each for each in routes if each == route) else -0.3
            line: dict[str, Any] = {
                "arrowstyle": "-|>" if end == route[-1] else "-",
                "lw": 1.8,
                "color": BLACK,
                "shrinkA": 0,
                "shrinkB": 0,
            }
            line |= {"connectionstyle": f"arc3,rad={bend}", "capstyle": "round"}
            line |= {"patchA": boxes[start]} if start < len(boxes) else {}
            line |= {"patchB": boxes[end]} if end < len(boxes) else {}
            ax.annotate("", xy=place[end], xytext=place[start], arrowprops=line, zorder=4)
    return ax


def _layout(graph: Graph) -> tuple[list[tuple[float, float]], list[list[int]]]:
    """Return the place (x, y) of each node and then of each bend, and per edge the indices that it runs through.

    An edge that spans several columns gets a bend of its own in each column between, so that it passes no box.
    Unreached leaves stand in a row below the rest.
    """
    column = graph.columns()
    unreached = [node for node, kind in enumerate(graph.kinds) if kind == "unreached"]
    routes = []
    for start, end in graph.edges:
        bends = list(range(len(column), len(column) + column[end] - column[start] - 1))
        column += range(column[start] + 1, column[end])
        routes.append([start, *bends, end])
    height = [0.0] * len(column)
    for each in range(max(column) + 1):
        nodes = [node for node, x in enumerate(column) if x == each and node not in unreached]
        before = {node: [height[a] for route in routes for a, b in pairwise(route) if b == node] for node in nodes}
        wish = {node: sum(heights) / len(heights) if heights else 0.0 for node, heights in before.items()}
        above = float("inf")
        for node in sorted(nodes, key=lambda node: -wish[node]):  # highest wish first, at least 1 apart
            height[node] = above = min(wish[node], above - 1)
        shift = sum(wish[node] - height[node] for node in nodes) / max(len(nodes), 1)
        for node in nodes:
            height[node] += shift
    lowest = min(height)
    for rank, node in enumerate(unreached):
        column[node], height[node] = rank, lowest - 1
    return [(float(x), y) for x, y in zip(column, height, strict=True)], routes
