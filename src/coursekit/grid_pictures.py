"""Pictures of a launch: the grid, one block with its threads, and where a finding lies in them and in its array.

kernel_pictures has them too, together with the pictures of memory; lessons and checks import them from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from coursekit.plots import BLACK, ORANGE, RED, SKY

Triple = tuple[int, int, int]
IDLE, EVEN_WARP, ODD_WARP, EDGE = "white", "#cfe3f1", "#9cc4e0", "#777777"
MARKS, OUTLINES = (RED, ORANGE), ("-", "--")  # of the two threads that a finding can name
WRITTEN_ON = 8  # a block drawn with at most so many threads a side has their indices written in
MOST_CELLS = 64  # blocks or threads a side that are drawn one by one
LONGEST = 118  # characters of a title
SMALL = 12  # a block drawn with more threads a side has its marks numbered beside the cells
NEIGHBOURS = 6  # elements drawn on each side of the one that matters


def draw_grid(
    grid: int | Sequence[int],
    block: int | Sequence[int],
    shape: int | Sequence[int] | None = None,
    mark: Any = None,
) -> Figure:
    """Draw a launch: its blocks on the left, the threads of one block on the right, warps in two shades.

    `grid` and `block` are as in a launch, (x, y, z); the picture shows the x and y directions of the marked (or first)
    z. `shape` is that of the data, n or (rows, columns), where each thread has one element: threads outside it are
    hatched. `mark` is a finding, or (block, thread), two tuples: that thread is drawn red, in the block on the right.
    """
    blocks, threads = _triple(grid), _triple(block)
    data = None if shape is None else _extent(shape)
    at_block, at_thread = _marked(mark)
    block_columns, block_rows = (min(size, MOST_CELLS) for size in blocks[:2])
    columns, rows = _shape_drawn(threads)
    height = max(5 * block_rows / block_columns, 6.2 * rows / columns) + 1.6  # both panels with square cells
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, min(height, 4.8)), width_ratios=(1, 1.25))
    _draw_blocks(left, blocks, threads, data, at_block if mark is not None else None)
    marks = [at_thread] if mark is not None else []
    outside, handles = _draw_threads(right, threads, at_block, data, marks, [f"thread {each}" for each in marks])
    if data is not None:
        handles.append(Patch(fill=False, edgecolor=BLACK, lw=2.4, ls="--", label="the data"))
    figure.legend(handles=handles, loc="outside lower center", ncols=5, fontsize=11)
    description = f"{_plural(blocks, 'block')} of {_plural(threads, 'thread')}"
    if mark is not None:
        description += f"; block {at_block}, thread {at_thread} marked"
    if outside:
        description += f"; {outside} threads of this block lie outside the data"
    figure.set_label(description + ".")
    return figure


def entitle(figure: Figure, title: str, second_line: str = "") -> None:
    """Give a figure 12 inches wide its title, in smaller type where it quotes a long line of code; cut far beyond."""
    text = title if len(title) <= LONGEST else title[: LONGEST - 3] + "..."
    size = min(15, 15 * 84 / max(len(text), 1))
    whole = f"{text}\n{second_line}" if second_line else text
    figure.suptitle(whole, fontsize=size, fontweight="bold", x=0.01, ha="left")


def draw_finding(report: Any, finding: Any = None) -> Figure:
    """Draw what a finding is about: the block with the threads concerned, and the array around the element.

    Without `finding`, the report's first is drawn. Raises ValueError where the report has none.
    """
    if finding is None:
        if not report.findings:
            raise ValueError("the report has no findings: there is nothing to draw")
        finding = report.findings[0]
    where = f", line {finding.line}: {finding.text.strip()}" if finding.line else ""
    title = f"{finding.kind}{where}"
    has_element = finding.index is not None and bool(finding.array)
    if finding.thread is None and not has_element:  # it is about the launch as a whole
        figure = draw_grid(report.grid, report.block)
    else:
        figure = _draw_parties(report, finding, has_element)
    entitle(figure, title)
    figure.set_label(f"{title}. {finding.message}")
    return figure


def _draw_parties(report: Any, finding: Any, has_element: bool) -> Figure:
    """Draw the block with the threads concerned and, where there is one, the element of the array."""
    columns, rows = _shape_drawn(_triple(report.block))
    height = min(11.5 * rows / columns + 1.3, 4.2)
    figure, axes = plt.subplots(
        1 + has_element, 1, figsize=(12, height + 1.9 * has_element + 0.4), squeeze=False,
        height_ratios=(height, 1.9) if has_element else (1,),
    )  # fmt: skip
    block, other_block = finding.block or (0, 0, 0), finding.other_block or finding.block
    threads, words = [], []
    if finding.thread is not None:
        threads.append(finding.thread)
        words.append(_deed(finding.line, finding.thread))
    elsewhere = finding.other_thread is not None and other_block != finding.block
    if finding.other_thread is not None and not elsewhere and finding.other_thread != finding.thread:
        threads.append(finding.other_thread)
        words.append(_deed(finding.other_line, finding.other_thread))
    _, handles = _draw_threads(axes[0, 0], _triple(report.block), block, None, threads, words)
    if elsewhere:
        deed = _deed(finding.other_line, finding.other_thread)
        handles.append(Patch(fill=False, lw=0, label=f"the other: block {other_block}, {deed}"))
    figure.legend(handles=handles, loc="outside lower center", ncols=4, fontsize=11)
    if has_element:
        _draw_element(axes[1, 0], report, finding)
    return figure


def _draw_blocks(axis: Axes, blocks: Triple, threads: Triple, data: tuple[int, int] | None, at: Triple | None) -> None:
    columns, rows = min(blocks[0], MOST_CELLS), min(blocks[1], MOST_CELLS)
    for y in range(rows):
        for x in range(columns):
            here = at is not None and (x, y) == (at[0], at[1])
            axis.add_patch(
                Rectangle(
                    (x, y), 1, 1, facecolor=RED if here else EVEN_WARP, edgecolor="white", lw=1,
                    gid="marked block" if here else "block",
                )
            )  # fmt: skip
            if columns <= 8 and rows <= 8:
                axis.text(
                    x + 0.5, y + 0.5, f"{x},{y}" if blocks[1] > 1 else str(x), ha="center", va="center", fontsize=10.5,
                    color="black", zorder=3,
                    bbox={"facecolor": "white" if here else EVEN_WARP, "edgecolor": "none", "pad": 0.8},
                )  # fmt: skip
    if data is not None:
        width, height = data[1] / threads[0], data[0] / threads[1]
        axis.add_patch(Rectangle((0, 0), width, height, fill=False, edgecolor=BLACK, lw=2.4, ls="--"))
    _frame(axis, columns, rows, f"Grid: {_plural(blocks, 'block')}", "blockIdx.x", "blockIdx.y" if rows > 1 else "")
    if (columns, rows) != (blocks[0], blocks[1]):
        axis.set_xlabel(f"blockIdx.x (the first {columns} × {rows} are drawn)")


def _draw_threads(
    axis: Axes,
    threads: Triple,
    block: Triple,
    data: tuple[int, int] | None,
    marks: Sequence[Triple],
    names: Sequence[str],
) -> tuple[int, list[Patch]]:
    """Draw one block's threads; return how many of those drawn lie outside the data, and the legend's entries."""
    z = marks[0][2] if marks else 0
    folded = _is_folded(threads)
    shown_columns, shown_rows = _shape_drawn(threads)
    outside = 0
    for row in range(shown_rows):
        for column in range(shown_columns):
            x, y = (row * 32 + column, 0) if folded else (column, row)
            if x >= threads[0]:
                continue
            thread = (x, y, z)
            linear = x + threads[0] * (y + threads[1] * z)
            is_outside = data is not None and (
                block[0] * threads[0] + x >= data[1] or block[1] * threads[1] + y >= data[0]
            )
            outside += is_outside
            marked = list(marks).index(thread) if thread in marks else None
            fill = IDLE if is_outside else ODD_WARP if linear // 32 % 2 else EVEN_WARP
            axis.add_patch(
                Rectangle(
                    (column, row), 1, 1, facecolor=fill if marked is None else MARKS[marked], edgecolor=EDGE, lw=0.6,
                    hatch="////" if is_outside else None,
                    gid="thread" if marked is None else "marked thread",
                )
            )  # fmt: skip
            if marked is not None:
                name = _index(thread, threads) if len(marks) == 1 else str(marked + 1)
                is_small = max(shown_columns / 3, shown_rows) > SMALL
                _draw_mark(axis, column, row, marked, name, is_small)
            elif shown_columns <= WRITTEN_ON and shown_rows <= WRITTEN_ON and not is_outside:
                text = _index(thread, threads)
                axis.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=8, color="black")
    title = f"Block {block if max(block) else '(0, 0, 0)'}: {_plural(threads, 'thread')}"
    y_label = "warp" if folded else "threadIdx.y" if shown_rows > 1 else ""
    x_label = "threadIdx.x % 32 (a row is a warp)" if folded else "threadIdx.x"
    _frame(axis, shown_columns, shown_rows, title, x_label, y_label)
    handles = [
        Patch(facecolor=color, edgecolor=BLACK, ls=style, lw=2, label=f"{place}: {name}" if len(marks) > 1 else name)
        for place, (color, style, name) in enumerate(zip(MARKS, OUTLINES, names, strict=False), 1)
    ]
    if not folded:
        handles.append(Patch(facecolor=EVEN_WARP, edgecolor=EDGE, label="a warp"))
        if threads[0] * threads[1] > 32:
            handles.append(Patch(facecolor=ODD_WARP, edgecolor=EDGE, label="the next warp"))
    if outside:
        handles.append(Patch(facecolor=IDLE, edgecolor=EDGE, hatch="////", label="outside the data"))
    return outside, handles


def _draw_mark(axis: Axes, column: int, row: int, number: int, name: str, is_small: bool) -> None:
    """Outline a marked thread's cell and write its name into it, or beside it where cells are too small."""
    width = 1.4 if is_small else 2.4
    axis.add_patch(Rectangle((column, row), 1, 1, fill=False, edgecolor=BLACK, lw=width, ls=OUTLINES[number], zorder=3))
    label = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
    middle = (column + 0.5, row + 0.5)
    how: dict[str, Any] = {"ha": "center", "va": "center", "weight": "bold", "bbox": label, "zorder": 4}
    if is_small:
        line = {"arrowstyle": "-", "color": BLACK, "lw": 1.2}
        beside = (30, -3) if number == 0 else (30, -21)
        axis.annotate(name, middle, beside, textcoords="offset points", fontsize=10, arrowprops=line, **how)
    else:
        axis.text(*middle, name, fontsize=10 if len(name) < 3 else 8, **how)


def _index(thread: Triple, threads: Triple) -> str:
    """Return a thread's index as it is written into its cell."""
    return str(thread[0]) if threads[1] == 1 else f"{thread[0]},{thread[1]}"


def _is_folded(threads: Triple) -> bool:
    """Say whether a block is drawn in rows of one warp each: one long row would be too thin."""
    return threads[1] == 1 and threads[0] > 32


def _shape_drawn(threads: Triple) -> tuple[int, int]:
    """Return the columns and rows in which a block's threads are drawn."""
    columns, rows = (32, -(-threads[0] // 32)) if _is_folded(threads) else (threads[0], threads[1])
    return min(columns, MOST_CELLS), min(rows, MOST_CELLS)


def _draw_element(axis: Axes, report: Any, finding: Any) -> None:
    """Draw the elements of the array around the finding's: those that exist as boxes, the one concerned red."""
    length = _length(report, finding)
    index = finding.index
    first, last = index - NEIGHBOURS, index + NEIGHBOURS
    if length is not None and 0 <= index < length:
        first, last = max(first, 0), min(last, length - 1)
    if length is not None and index >= length + NEIGHBOURS:  # far behind the end: the end, a gap, the element
        cells: list[int | None] = [*range(max(length - 8, 0), length + 1), None, index - 1, index, index + 1]
    elif length is not None and index < -NEIGHBOURS:
        cells = [index - 1, index, index + 1, None, *range(-1, min(8, length))]
    else:
        cells = list(range(first, last + 1))
    for place, cell in enumerate(cells):
        if cell is None:
            axis.text(place + 0.5, 0.5, "…", ha="center", va="center", fontsize=16)
            continue
        exists = length is None or 0 <= cell < length
        concerned = cell == index
        axis.add_patch(
            Rectangle(
                (place, 0), 1, 1, facecolor=RED if concerned else SKY if exists else IDLE,
                edgecolor=EDGE if exists else "#bbbbbb", lw=1.2, ls="-" if exists else ":",
                hatch="//" if concerned else None, gid="concerned" if concerned else "exists" if exists else "outside",
            )
        )  # fmt: skip
        axis.text(
            place + 0.5, 0.5, str(cell), ha="center", va="center", fontsize=11, color="black",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.2} if concerned else None,
        )  # fmt: skip
        if length is not None and cell == length - 1:
            axis.plot([place + 1, place + 1], [-0.25, 1.25], color=BLACK, lw=3, solid_capstyle="butt", ls="-")
            axis.text(place + 1, 1.3, f"end of {finding.array}", ha="center", va="bottom", fontsize=11)
        if length is not None and cell == 0 and index < 0:
            axis.plot([place, place], [-0.25, 1.25], color=BLACK, lw=3, solid_capstyle="butt", ls="-")
            axis.text(place, 1.3, f"start of {finding.array}", ha="center", va="bottom", fontsize=11)
    known = "" if length is None else f": {finding.array} has {length:,} elements, 0 to {length - 1}"
    axis.set(xlim=(-0.05, len(cells) + 0.05), ylim=(-0.3, 1.8), xlabel=f"element of {finding.array}")
    axis.set_title(f"{finding.array}[{index}]{known}", fontsize=13, fontweight="normal")
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(False)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _length(report: Any, finding: Any) -> int | None:
    """Return how many elements the finding's array has, where the profile knows it."""
    profile = getattr(report, "profile", None)
    for array in getattr(profile, "arrays", ()):
        if array.name == finding.array:
            return int(array.size // array.element_size)
    return None


def _frame(axis: Axes, columns: int, rows: int, title: str, x: str, y: str) -> None:
    axis.set(xlim=(-0.05, columns + 0.05), ylim=(rows + 0.05, -0.05), aspect="equal", xlabel=x, ylabel=y)
    axis.set_title(title, fontsize=13, fontweight="normal")
    for along, count, set_ticks in ((columns, columns, axis.set_xticks), (rows, rows, axis.set_yticks)):
        step = 1 if along <= 10 else 2 if along <= 16 else 4 if along <= 32 else 8
        set_ticks([place + 0.5 for place in range(0, count, step)], [str(place) for place in range(0, count, step)])
    if not y:
        axis.set_yticks([])
    axis.tick_params(length=0, labelsize=10.5)
    axis.grid(False)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _deed(line: int, thread: Triple | None) -> str:
    return f"thread {thread}, line {line}" if line else f"thread {thread}"


def _marked(mark: Any) -> tuple[Triple, Triple]:
    """Return (block, thread) of a finding or a pair."""
    if mark is None:
        return (0, 0, 0), (0, 0, 0)
    if hasattr(mark, "thread"):
        return mark.block or (0, 0, 0), mark.thread or (0, 0, 0)
    block, thread = mark
    return _triple(block, 0), _triple(thread, 0)


def _triple(value: int | Sequence[int], missing: int = 1) -> Triple:
    sizes = (value,) if isinstance(value, int) else tuple(int(each) for each in value)
    x, y, z = (*sizes, missing, missing, missing)[:3]
    return x, y, z


def _extent(shape: int | Sequence[int]) -> tuple[int, int]:
    """Return (rows, columns) of data of that shape."""
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if len(sizes) > 2:
        raise ValueError(f"draw_grid takes the shape of data with one or two dimensions, not {sizes}")
    return (1, sizes[0]) if len(sizes) == 1 else (sizes[0], sizes[1])


def _plural(sizes: Triple, noun: str) -> str:
    return f"{_times(sizes)} {noun}{'' if max(sizes) == 1 else 's'}"


def _times(sizes: Triple) -> str:
    kept = list(sizes)
    while len(kept) > 1 and kept[-1] == 1:
        kept.pop()
    return " × ".join(str(size) for size in kept)
