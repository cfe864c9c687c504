"""Draw ONNX graphs as a figure that needs no browser: for executed HTML and headless runs, where Netron cannot be.

Lessons 05, 06 and 11 draw a graph before and after a change side by side; `group` colours and labels the nodes by
whatever the lesson is about (the torch module they came from, the fused layer they ended in).
"""

from __future__ import annotations

import ast
import math
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import onnx
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

Group = Callable[[onnx.NodeProto], str] | Mapping[str, str] | None
Place = tuple[int, int]  # column, row

# Light enough for black text; they differ in lightness, and the label is also written, so greyscale loses nothing.
FILLS = ("#cfe3f3", "#f7dca0", "#bfe3d0", "#f2c4b3", "#e6e6e6", "#e5cfe0", "#9fc9e8", "#ead9b8", "#b8b8b8")
WIDTH, HEIGHT, STEP = 2.3, 0.66, 3.3  # of a box, and from column to column; rows are 1 apart
MARGIN = 0.9  # left of the first column, for edges that go round


def torch_module(node: onnx.NodeProto) -> str:
    """Return the path of the torch module that torch's exporter made this node from ("features.3"), or ""."""
    for entry in node.metadata_props:
        if entry.key == "pkg.torch.onnx.name_scopes":
            scopes = ast.literal_eval(entry.value)
            return scopes[-2] if len(scopes) > 1 else ""
    return ""


def draw(
    *models: onnx.ModelProto | str | os.PathLike[str],
    titles: Sequence[str] = (),
    group: Group = None,
    shapes: bool = True,
    title: str = "",
    colors: Mapping[str, str] | None = None,
) -> Figure:
    """Draw each model's graph, data flowing down, the models side by side. Weights and constants have no
    boxes of their own, as in Netron: the node that uses them says their shape.

    group: a function of a node, or a dict by node name, that gives the label whose colour the node takes and that is
    written in its box; by default nodes are coloured by operator. colors: the colour of some labels (a white one gets a
    dashed box); the others are given one in turn. shapes: write each value's shape beside its edge,
    where the file states it. Save the figure as SVG or PNG with its own `savefig`.
    """
    graphs = [(m if isinstance(m, onnx.ModelProto) else onnx.load(os.fspath(m))).graph for m in models]
    places = [_places(graph) for graph in graphs]
    spans = [STEP * max(column for column, _ in each.values()) + WIDTH + 2 * MARGIN for each in places]
    rows = max(row for each in places for _, row in each.values()) + 1
    size = (max(0.62 * sum(spans), 0.14 * len(title)), 0.56 * rows + 0.5 + 0.5 * bool(title) + 0.4 * bool(titles))
    figure, axes = plt.subplots(1, len(graphs), figsize=size, squeeze=False, width_ratios=spans, layout="constrained")
    colors = dict(colors or {})
    for index, (axis, graph) in enumerate(zip(axes.flat, graphs, strict=True)):
        _draw_graph(axis, graph, places[index], group, colors, shapes)
        left = -WIDTH / 2 - MARGIN
        axis.set(xlim=(left, left + spans[index]), ylim=(rows - 0.5, -0.5))
        axis.axis("off")
        axis.set_title(titles[index] if index < len(titles) else "", fontsize=13, fontweight="bold", loc="left")
    if title:
        figure.suptitle(title, fontsize=15, fontweight="bold", x=0.01, ha="left")
    return figure


def _weights(graph: onnx.GraphProto) -> dict[str, str]:
    """Return what a box says of each initialiser and constant, by name: a few whole numbers, else the shape."""
    said = {tensor.name: _brief(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            value = onnx.helper.get_attribute_value(node.attribute[0])
            said[node.output[0]] = _brief(value) if isinstance(value, onnx.TensorProto) else str(value)
    return said


def _brief(tensor: onnx.TensorProto) -> str:
    if tensor.data_type == onnx.TensorProto.INT64 and math.prod(tensor.dims) <= 4 and not tensor.external_data:
        return str(onnx.numpy_helper.to_array(tensor).tolist())
    return "×".join(map(str, tensor.dims)) or "1"


def _steps(graph: onnx.GraphProto) -> tuple[list[str], list[onnx.NodeProto]]:
    """Return what gets a box: the inputs that are no weights (old files list those too), the nodes but constants."""
    weights = _weights(graph)
    inputs = [value.name for value in graph.input if value.name not in weights]
    return inputs, [node for node in graph.node if node.output[0] not in weights]


def _reads(node: onnx.NodeProto) -> list[str]:
    """Return the values that a node reads, those that the graphs inside it (If, Loop) take from outside included."""
    inner = [attribute.g for attribute in node.attribute if attribute.type == onnx.AttributeProto.GRAPH]
    return [*filter(None, node.input), *(name for graph in inner for child in graph.node for name in _reads(child))]


def _places(graph: onnx.GraphProto) -> dict[str, Place]:
    """Give each value's maker a column and a row, keyed by value name; an output's own box by "> name".

    Rows follow the longest path from an input; a node stays in the column of the first value it reads if it can.
    """
    inputs, nodes = _steps(graph)
    rows = dict.fromkeys(inputs, 0)
    for node in nodes:
        row = 1 + max((rows[name] for name in _reads(node) if name in rows), default=0)
        rows.update(dict.fromkeys(node.output, row))
    for node in reversed(nodes):  # what needs no input belongs just above what reads it
        if not any(name in rows for name in _reads(node)):
            readers = [rows[other.output[0]] for other in nodes if set(node.output) & set(_reads(other))]
            rows.update(dict.fromkeys(node.output, max(min(readers, default=1) - 1, 0)))
    places: dict[str, Place] = {}
    last = 1 + max(rows.values(), default=0)
    wishes: list[tuple[list[str], list[str], int]] = [([name], [], 0) for name in inputs]
    wishes += [(list(node.output), _reads(node), rows[node.output[0]]) for node in nodes]
    wishes += [([f"> {value.name}"], [value.name], last) for value in graph.output]
    for names, reads, row in wishes:
        column = next((places[name][0] for name in reads if name in places), 0)
        taken = set(places.values())
        while (column, row) in taken:
            column += 1
        places.update(dict.fromkeys(names, (column, row)))
    return places


def _draw_graph(
    axis: Axes, graph: onnx.GraphProto, places: dict[str, Place], group: Group, colors: dict[str, str], shapes: bool
) -> None:
    inputs, nodes = _steps(graph)
    weights = _weights(graph)
    shape_of = {value.name: _shape(value) for value in [*graph.input, *graph.value_info, *graph.output]}
    for name in inputs:
        _box(axis, places[name], name, "input", "white")
        if shapes:
            _note(axis, places[name], shape_of.get(name, ""))
    for node in nodes:
        place = places[node.output[0]]
        label = _label(node, group)
        color = colors.setdefault(label or node.op_type, FILLS[len(colors) % len(FILLS)])
        inner = " | ".join("+".join(n.op_type for n in a.g.node) for a in node.attribute if a.HasField("g"))
        held = "  ".join(weights[name] for name in node.input if name in weights)
        _box(axis, place, node.op_type, label or inner or held, color, dashed=color == "white")
        for name in dict.fromkeys(_reads(node)):
            if name in places:
                _edge(axis, places[name], place, places.values())
        if shapes:
            _note(axis, place, shape_of.get(node.output[0], ""))
    for value in graph.output:
        _box(axis, places[f"> {value.name}"], value.name, "output", "white")
        if value.name in places:
            _edge(axis, places[value.name], places[f"> {value.name}"], places.values())


def _label(node: onnx.NodeProto, group: Group) -> str:
    if group is None:
        return ""
    return group.get(node.name, "") if isinstance(group, Mapping) else group(node)


def _shape(value: Any) -> str:
    tensor = value.type.tensor_type
    return "×".join(d.dim_param or str(d.dim_value) for d in tensor.shape.dim) if tensor.HasField("shape") else ""


def _box(axis: Axes, place: Place, name: str, below: str, color: str, *, dashed: bool = False) -> None:
    x, y = STEP * place[0], place[1]
    corner, round_corners = (x - WIDTH / 2, y - HEIGHT / 2), "round,pad=0,rounding_size=0.12"
    box = FancyBboxPatch(corner, WIDTH, HEIGHT, boxstyle=round_corners, facecolor=color, edgecolor="#444444", zorder=3)
    box.set_linestyle("--" if dashed else "-")
    axis.add_patch(box)
    # A long name is written smaller rather than cut.
    font = 10 * min(1.0, 15 / max(len(name), 1))
    axis.text(x, y - 0.13 * bool(below), name, ha="center", va="center", fontsize=font, fontweight="bold", zorder=4)
    if below:
        font = 8 * min(1.0, 23 / len(below))
        axis.text(x, y + 0.18, below, ha="center", va="center", fontsize=font, zorder=4)


def _edge(axis: Axes, start: Place, end: Place, taken: Collection[Place]) -> None:
    """Draw an arrow: straight, round the boxes between, or down and then into the box's side where that way is free."""
    far = end[1] - start[1] - HEIGHT
    bow = 2.7 / far if start[0] == end[0] and far > 1 else 0.0
    way, tip = f"arc3,rad={bow}", (STEP * end[0], end[1] - HEIGHT / 2)
    side = 1 if start[0] > end[0] else -1
    down = {(start[0], row) for row in range(start[1] + 1, end[1] + 1)}
    across = {(column, end[1]) for column in range(end[0] + side, start[0], side)}
    if start[0] != end[0] and far > 1 and not (down | across) & set(taken):
        way, tip = "angle,angleA=90,angleB=0,rad=6", (STEP * end[0] + side * WIDTH / 2, end[1])
    arrow = {"arrowstyle": "-|>", "color": "#444444", "connectionstyle": way, "shrinkA": 0, "shrinkB": 0}
    axis.annotate("", xy=tip, xytext=(STEP * start[0], start[1] + HEIGHT / 2), arrowprops=arrow, zorder=2)


def _note(axis: Axes, place: Place, text: str) -> None:
    x, y = STEP * place[0] + 0.08, place[1] + 0.5
    axis.text(x, y, text, fontsize=8, color="#333333", va="center", zorder=4)
