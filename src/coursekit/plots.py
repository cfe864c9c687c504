"""The course's one plotting style, and the few pictures that more than one notebook draws.

Readable on a projector and in greyscale: big type, thick lines, line styles that differ as well as colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# Okabe & Ito's colours for every kind of colour vision (jfly.uni-koeln.de/color); neighbours also differ in grey.
COLORS = ("#0072B2", "#E69F00", "#000000", "#D55E00", "#56B4E9", "#009E73", "#CC79A7")
BLUE, ORANGE, BLACK, RED, SKY, GREEN, PINK = COLORS
STYLES = ("-", "--", ":", "-.", "-", "--", ":")


def use_style() -> None:
    """Set matplotlib to the course's style for the rest of the session. Importing this module calls it."""
    plt.rcParams.update(
        {
            "figure.figsize": (8, 4),
            "figure.dpi": 110,
            "figure.constrained_layout.use": True,
            "font.size": 13,
            "axes.titlesize": 15,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,  # the grid's lines lie behind bars
            "grid.color": "#dddddd",
            "lines.linewidth": 2.4,
            "legend.frameon": False,
            "image.cmap": "gray_r",
            "image.interpolation": "nearest",
            "axes.prop_cycle": cycler(color=COLORS) + cycler(linestyle=STYLES),
        }
    )


use_style()


def image_grid(
    images: Any, titles: Sequence[object] = (), *, columns: int = 10, title: str = "", highlight: Sequence[int] = ()
) -> Figure:
    """Draw images (n, 1, h, w) or (n, h, w) in [0, 1] as a grid, ink on paper, each with its own small title.

    `highlight` lists the indices whose titles are drawn red and bold.
    """
    pictures = np.asarray(images, dtype=np.float32)
    if pictures.ndim == 4 and pictures.shape[1] == 1:
        pictures = pictures[:, 0]
    if pictures.ndim != 3:
        raise ValueError(f"image_grid draws images of shape (n, 1, h, w) or (n, h, w), not {np.shape(images)}")
    columns = min(columns, max(len(pictures), 1))
    rows = max(1, -(-len(pictures) // columns))  # no image, such as no mistakes to show, is an empty figure
    width, height = 1.0 * columns, (1.35 if len(titles) else 1.05) * rows + (0.5 if title else 0)
    figure, axes = plt.subplots(rows, columns, figsize=(max(width, 4), height), squeeze=False)
    for index, axis in enumerate(axes.flat):
        axis.axis("off")
        if index < len(pictures):
            axis.imshow(pictures[index], vmin=0, vmax=1)
            if index < len(titles):
                wrong = index in highlight
                axis.set_title(
                    _caption(titles[index]),
                    fontsize=12,
                    loc="center",
                    color=RED if wrong else "black",
                    weight="bold" if wrong else "normal",
                )
    if title:
        figure.suptitle(title, fontsize=15, fontweight="bold", x=0.01, ha="left")
    return figure


def annotated_matrix(values: Any, *, title: str = "", ax: Axes | None = None, decimals: int = 0) -> Axes:
    """Draw a matrix (rows, columns) as shaded cells with each value written in it."""
    matrix = np.asarray(values)
    if matrix.ndim != 2:
        raise ValueError(f"annotated_matrix draws a matrix (rows, columns), not an array of shape {matrix.shape}")
    if ax is None:
        _, ax = plt.subplots(figsize=(0.62 * matrix.shape[1] + 1.4, 0.62 * matrix.shape[0] + 1.1))
    ax.imshow(matrix, cmap="Blues", aspect="auto")
    ax.grid(False)
    middle = (float(matrix.min()) + float(matrix.max())) / 2
    for (row, column), value in np.ndenumerate(matrix):
        ax.text(
            column, row, f"{value:.{decimals}f}", ha="center", va="center", color="white" if value > middle else "black"
        )
    ax.set_xticks(range(matrix.shape[1]))
    ax.set_yticks(range(matrix.shape[0]))
    ax.set_title(title)
    return ax


def difference(got: Any, expected: Any, *, title: str = "Where the two differ") -> Figure:
    """Draw an answer against what was expected: 1-D as points over a line, 2-D as two maps and their difference.

    Both are 1-D or 2-D and of the same shape. NaN and infinity, which have no place on an axis, are drawn as crosses.
    """
    a, b = (np.asarray(x, dtype=np.float64) for x in (got, expected))
    if a.shape != b.shape or a.ndim not in (1, 2):
        raise ValueError(
            f"difference draws two 1-D or 2-D arrays of one shape, not {np.shape(got)} and {np.shape(expected)}"
        )
    figure = _two_lines(a, b) if a.ndim == 1 else _three_maps(a, b)
    figure.suptitle(title, fontsize=15, fontweight="bold", x=0.01, ha="left")
    figure.set_label(f"{title}: yours and the expected values, {' × '.join(map(str, a.shape))}.")
    return figure


def _two_lines(got: np.ndarray, expected: np.ndarray) -> Figure:
    """Draw two 1-D arrays over their index: what was expected as a line, the answer as points."""
    figure, axis = plt.subplots(figsize=(10, 3.2))
    index, few = np.arange(len(got)), len(got) <= 40
    finite = np.isfinite(got)
    axis.plot(
        index, expected, "o-" if few else "-", color=BLUE, lw=1.4, markersize=9, fillstyle="none", label="expected"
    )
    axis.plot(index[finite], got[finite], "x" if few else ".", color=RED, markersize=8 if few else 3, label="yours")
    if not finite.all():
        low = axis.get_ylim()[0]
        axis.plot(index[~finite], np.full((~finite).sum(), low), "x", color=BLACK, label="yours: NaN or infinite")
    axis.set(xlabel="index", ylabel="value")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axis.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, fontsize=11, borderaxespad=0.1)
    return figure


def _three_maps(got: np.ndarray, expected: np.ndarray) -> Figure:
    """Draw two matrices and their absolute difference side by side."""
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.4))
    both = np.ma.masked_invalid([got, expected])
    ends = (float(both.min()), float(both.max())) if both.count() else (0.0, 1.0)
    for axis, name in zip(axes, ("yours", "expected", "|difference|"), strict=True):
        values = {"yours": both[0], "expected": both[1]}.get(name, abs(both[0] - both[1]))
        low, high = ends if name != "|difference|" else (0.0, float(values.max()) or 1.0 if values.count() else 1.0)
        shown = axis.imshow(values, vmin=low, vmax=high, aspect="auto", cmap="viridis")
        rows, columns = np.nonzero(np.ma.getmaskarray(values))
        if len(rows) and values.size <= 4096:
            axis.plot(columns, rows, "x", color=RED, markersize=6, linestyle="none")
        axis.grid(False)
        axis.set_title(f"{name} (x: NaN or infinite)" if len(rows) and name == "yours" else name, fontsize=13)
        axis.set(xlabel="column", ylabel="row" if name == "yours" else "")
        for ticks in (axis.xaxis, axis.yaxis):
            ticks.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
        figure.colorbar(shown, ax=axis)
    return figure


def _caption(title: object) -> str:
    """Return a title as text; a tensor or array of one element as its number."""
    return str(title.item() if hasattr(title, "item") else title)
