"""Draw how a small tensor lies in memory: its rows, the storage below them, and the order in which it is read.

Lesson 01 draws views, strides and contiguity with it, lab 01 the windows of a sliding window.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from coursekit.plots import BLACK, RED

if TYPE_CHECKING:
    import torch

LARGEST = 26  # elements of storage that fit beside each other on a projector
ROWS_BASE = 3.0  # where the rows begin above the storage, in boxes


def draw_memory(tensor: torch.Tensor, title: str = "tensor") -> Figure:
    """Draw a tensor of 1 or 2 dimensions and its whole storage (at most 26 elements), each row in its own shade.

    In the storage a box carries the shade of every row that reads it; a white box is read by none. Arrows follow the
    reading order: solid inside a row, dashed from a row's end to the next row; steps back are drawn below the boxes.
    """
    import torch

    storage = tensor.untyped_storage().nbytes() // tensor.element_size()
    if tensor.ndim not in (1, 2) or not tensor.numel() or storage > LARGEST:
        raise ValueError(
            f"draw_memory draws 1 or 2 dimensions over a storage of at most {LARGEST} elements; "
            f"this tensor has the shape {tuple(tensor.shape)} over {storage}"
        )
    shape, stride, offset = tuple(tensor.shape), tensor.stride(), int(tensor.storage_offset())
    rows, row_stride = (shape[0], stride[0]) if tensor.ndim == 2 else (1, 0)
    places = [[offset + i * row_stride + j * stride[-1] for j in range(shape[-1])] for i in range(rows)]
    values = [f"{number:g}" for number in torch.as_strided(tensor, (storage,), (1,), 0).tolist()]
    hops = [(a, b, "-") for row in places for a, b in pairwise(row)]
    hops += [(row[-1], following[0], "--") for row, following in pairwise(places)]

    longest_back = max(start - end for start, end, _ in hops) if hops else 0
    low, high = -0.85 - (_height(longest_back) if longest_back > 0 else 0), ROWS_BASE + rows
    width = max(storage, shape[-1], 10) + 3
    figure, axis = plt.subplots(figsize=(0.44 * width + 0.2, 0.44 * (high - low) + 0.5))
    axis.set(xlim=(-0.1, width + 0.1), ylim=(low, high + 0.1), aspect="equal", anchor="W")
    axis.axis("off")
    axis.set_title(f"{title}: shape {shape}, stride {stride}, offset {offset}", fontsize=13)
    shades = [(1 - t, 1 - 0.55 * t, 1 - 0.25 * t) for t in (0.12 + 0.6 * i / max(rows - 1, 1) for i in range(rows))]
    for i, row in enumerate(places):
        for j, place in enumerate(row):
            _box(axis, j, high - 1 - i, [shades[i]], values[place])
    for place in range(storage):
        _box(axis, place, 0, [shades[i] for i, row in enumerate(places) if place in row], values[place])
        axis.text(place + 0.5, -0.4, str(place), ha="center", va="center", fontsize=9, color="#555555")
    axis.text(shape[-1] + 0.3, high - 0.5, "as a tensor", fontsize=11, va="center", style="italic")
    axis.text(storage + 0.3, 0.5, "in memory", fontsize=11, va="center", style="italic")
    for start, end, style in hops:
        _hop(axis, start, end, style)
    return figure


def _box(axis: Axes, x: float, y: float, shades: list[tuple[float, float, float]], text: str) -> None:
    """Draw one element: a stripe for each row that reads it, the outline, its value."""
    for stripe, shade in enumerate(shades):
        axis.add_patch(Rectangle((x, y + 1 - (stripe + 1) / len(shades)), 1, 1 / len(shades), color=shade, linewidth=0))
    axis.add_patch(Rectangle((x, y), 1, 1, facecolor="none", edgecolor="black"))
    axis.text(x + 0.5, y + 0.5, text, ha="center", va="center", fontsize=11)


def _height(length: int) -> float:
    return min(0.3 + 0.16 * length, 1.6)


def _hop(axis: Axes, start: int, end: int, style: str) -> None:
    """Draw an arc from one place in the storage to the next, the higher the longer it is; a step back goes below."""
    if start == end:
        return
    length, base = abs(end - start), 1.05 if end > start else -0.75
    bend = -2 * _height(length) / length
    axis.add_patch(
        FancyArrowPatch(
            (start + 0.5, base), (end + 0.5, base), connectionstyle=f"arc3,rad={bend}", arrowstyle="-|>",
            mutation_scale=9, color=BLACK if style == "-" else RED, linestyle=style, linewidth=1.4,
            shrinkA=0, shrinkB=0,
        )
    )  # fmt: skip
