"""Pictures of what a kernel does with memory: which sectors one warp touches, which banks its lanes meet in.

Lessons 07 to 09 and the checks of their labs draw them from the `Report` of an inspected kernel; `draw_grid` and
`draw_finding` (grid_pictures) are at home here too. Each returns a matplotlib Figure, which carries a description in
words: `figure.get_label()`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from coursekit.grid_pictures import draw_finding, draw_grid, entitle
from coursekit.plots import BLUE, RED

__all__ = ["draw_banks", "draw_finding", "draw_grid", "draw_warp"]

LINE_BYTES, SECTOR_BYTES, WORD_BYTES, BANKS = 128, 32, 4, 32
FETCHED = "#cfe3f1"  # moved, but not asked for
EMPTY, EDGE = "white", "#999999"
MOST_ROWS = 12


def draw_warp(
    report: Any,
    *,
    line: int,
    warp: int = 0,
    block: tuple[int, int, int] = (0, 0, 0),
    occurrence: int = 0,
    array: str | None = None,
) -> Figure:
    """Draw what one warp asks for at a source line: memory in rows of 128 bytes, each cell with its lane's number.

    One panel for each memory instruction of the line, or only those of `array`. Global memory shows its sectors of 32
    bytes: moved sectors are shaded, asked-for elements dark. `occurrence` counts the warp's executions of the line,
    from 0. Raises LookupError where the profile keeps nothing of that line, warp or array.
    """
    panels = _instructions(report, line, warp, block, occurrence, array)
    rows = [_rows(accesses) for accesses in panels]
    heights = [len(each) + 2.2 for each in rows]
    figure, axes = plt.subplots(
        len(panels), 1, figsize=(12, 0.42 * sum(heights) + 1.15), squeeze=False, height_ratios=heights
    )
    titles = [
        _draw_memory(axis, accesses, each)
        for axis, accesses, each in zip(axes.flat, panels, rows, strict=True)
    ]  # fmt: skip
    _entitle(figure, report, line, f"warp {warp} of block {block}", titles)
    return figure


def draw_banks(
    report: Any,
    *,
    line: int,
    warp: int = 0,
    block: tuple[int, int, int] = (0, 0, 0),
    occurrence: int = 0,
    array: str | None = None,
) -> Figure:
    """Draw how one warp's shared-memory access falls into the 32 banks: one box for each distinct word of a bank.

    The highest pile is the number of wavefronts; lanes that ask for the same word share a box. Of an access of 8 or 16
    bytes a lane, which is served in phases, the first of the slowest phases is drawn. Raises LookupError where the
    profile keeps no shared-memory access of that line, warp or array.
    """
    panels = [
        accesses
        for accesses in _instructions(report, line, warp, block, occurrence, array)
        if accesses[0].space == "shared"
    ]
    if not panels:
        raise LookupError(f"line {line} accesses no shared memory{f' of {array}' if array else ''}")
    piles = [_slowest_phase(accesses) for accesses in panels]
    heights = [max(len(words) for words in pile[0].values()) for pile in piles]
    drawn = [max(height, 2) * (0.32 if height <= 8 else 0.2) + 0.9 for height in heights]  # inches
    figure, axes = plt.subplots(len(panels), 1, figsize=(12, sum(drawn) + 0.75), squeeze=False, height_ratios=drawn)
    titles = []
    for axis, accesses, (banks, phase), height in zip(axes.flat, panels, piles, heights, strict=True):
        title = f"{_deed(accesses)}: {_plural(height, 'wavefront')}{phase}, " + (
            "no bank conflict" if height == 1 else f"a {height}-way bank conflict"
        )
        _draw_piles(axis, banks, height, title)
        titles.append(title)
    _entitle(figure, report, line, f"warp {warp} of block {block}", titles)
    return figure


def _instructions(
    report: Any, line: int, warp: int, block: tuple[int, int, int], occurrence: int, array: str | None
) -> list[list[Any]]:
    """Return the accesses of a line, a list for each of its memory instructions."""
    groups = defaultdict(list)
    for access in report.accesses(line, warp=warp, block=block, occurrence=occurrence):
        if array in (None, access.array):
            groups[access.instruction].append(access)
    if not groups:
        raise LookupError(f"line {line} does not access an array named {array!r}")
    return [groups[key] for key in sorted(groups)]


def _rows(accesses: Sequence[Any]) -> list[int | None]:
    """Return the 128-byte rows to draw, by number; None stands for those left out."""
    touched = sorted({access.address // LINE_BYTES for access in accesses})
    if len(touched) <= MOST_ROWS:
        return list(touched)
    return [*touched[: MOST_ROWS - 3], None, *touched[-2:]]


def _draw_memory(axis: Axes, accesses: Sequence[Any], rows: Sequence[int | None]) -> str:
    """Draw one instruction's accesses into `axis`; return the panel's title."""
    is_global = accesses[0].space == "global"
    sectors = {access.address // SECTOR_BYTES for access in accesses}
    lanes = defaultdict(list)
    for access in accesses:
        lanes[access.address].append(access)
    labels = []
    for place, row in enumerate(rows):
        if row is None:
            axis.text(LINE_BYTES / 2, place + 0.5, "⋮", ha="center", va="center", fontsize=16)
            labels.append("")
            continue
        for sector in range(LINE_BYTES // SECTOR_BYTES):
            moved = is_global and row * 4 + sector in sectors
            corner = (sector * SECTOR_BYTES, place + 0.08)
            axis.add_patch(
                Rectangle(corner, SECTOR_BYTES, 0.84, facecolor=FETCHED if moved else EMPTY, edgecolor=EDGE, lw=1.4)
            )
        here = sorted(address for address in lanes if address // LINE_BYTES == row)
        for address in here:
            _draw_element(axis, address % LINE_BYTES, place, lanes[address])
        first = lanes[here[0]][0]
        labels.append(f"{first.array}[{first.index}]" if first.index is not None else f"{first.array} {row:#x}")
    title = _memory_title(accesses, sectors, is_global)
    axis.set(xlim=(-0.5, LINE_BYTES + 0.5), ylim=(len(rows), 0))
    axis.set_yticks([place + 0.5 for place in range(len(rows))], labels)
    axis.set_xticks(range(0, LINE_BYTES + 1, SECTOR_BYTES if is_global else 16))
    axis.set_xlabel(
        "byte within a row of 128" + (" (four sectors of 32)" if is_global else " (32 banks of 4)"), fontsize=11
    )
    axis.tick_params(length=0, labelsize=10.5)
    axis.grid(False)
    for spine in axis.spines.values():
        spine.set_visible(False)
    axis.set_title(title, fontsize=13, fontweight="normal")
    asked = Patch(facecolor=BLUE, label="asked for (lane)")
    moved = Patch(facecolor=FETCHED, edgecolor=EDGE, label="moved with it")
    axis.legend(
        handles=[asked, moved] if is_global else [asked], loc="lower right", bbox_to_anchor=(1, 1), ncols=2,
        fontsize=10.5, borderaxespad=0.1,
    )  # fmt: skip
    return title


def _draw_element(axis: Axes, byte: int, place: int, accesses: Sequence[Any]) -> None:
    size = accesses[0].size
    axis.add_patch(
        Rectangle((byte, place + 0.14), size, 0.72, facecolor=BLUE, edgecolor="white", lw=0.6, gid="element")
    )
    if size >= WORD_BYTES:
        axis.text(
            byte + size / 2, place + 0.5, _lanes(accesses), ha="center", va="center", color="white",
            fontsize=8.5 if size < 8 else 10,
        )  # fmt: skip


def _lanes(accesses: Sequence[Any]) -> str:
    """Return the lanes that share an element, short enough for its cell."""
    lanes = sorted(access.lane for access in accesses)
    if len(lanes) == 1:
        return str(lanes[0])
    return "all" if len(lanes) == 32 else f"×{len(lanes)}"


def _memory_title(accesses: Sequence[Any], sectors: set[int], is_global: bool) -> str:
    elements = {access.address for access in accesses}
    asked = len(elements) * accesses[0].size
    what = f"{_deed(accesses)}: {_plural(len(accesses), 'lane')}, {_plural(len(elements), 'element')}"
    if not is_global:
        return what
    best = -(-asked // SECTOR_BYTES)
    return f"{what} in {_plural(len(sectors), 'sector')}" + (
        ", as few as can be" if len(sectors) == best else f" where {best} would do"
    )


def _slowest_phase(accesses: Sequence[Any]) -> tuple[dict[int, dict[int, list[int]]], str]:
    """Return {bank: {word: lanes}} of the slowest phase, and words for the title that say which phase it is."""
    size = accesses[0].size
    width = 32 if size <= WORD_BYTES else 16 if size <= 8 else 8
    phases: list[dict[int, dict[int, list[int]]]] = []
    for start in range(0, 32, width):
        banks: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for access in accesses:
            if start <= access.lane < start + width:
                for word in range(access.address // WORD_BYTES, (access.address + size - 1) // WORD_BYTES + 1):
                    banks[word % BANKS][word].append(access.lane)
        if banks:
            phases.append(banks)
    slowest = max(range(len(phases)), key=lambda number: max(len(words) for words in phases[number].values()))
    return phases[slowest], f" in phase {slowest + 1} of {len(phases)}" if len(phases) > 1 else ""


def _draw_piles(axis: Axes, banks: dict[int, dict[int, list[int]]], height: int, title: str) -> None:
    color = BLUE if height == 1 else RED
    for bank, words in banks.items():
        for place, lanes in enumerate(list(words.values())):
            fill = color if len(words) == height else BLUE
            axis.add_patch(
                Rectangle((bank + 0.05, place + 0.05), 0.9, 0.9, facecolor=fill, edgecolor="white", lw=0.6, gid="word")
            )
            text = str(lanes[0]) if len(lanes) == 1 else "all" if len(lanes) == 32 else f"×{len(lanes)}"
            axis.text(bank + 0.5, place + 0.5, text, ha="center", va="center", color="white", fontsize=9)
    axis.set(xlim=(0, BANKS), ylim=(0, max(height, 2)), xlabel="bank (4 bytes wide)", ylabel="words (lane)")
    axis.set_xticks([bank + 0.5 for bank in range(0, BANKS)], [str(bank) for bank in range(BANKS)], fontsize=9.5)
    step = 1 if height <= 4 else 4 if height <= 16 else 8
    axis.set_yticks(range(0, max(height, 2) + 1, step))
    axis.tick_params(axis="x", length=0)
    axis.grid(False, axis="x")
    axis.set_axisbelow(True)
    axis.set_title(title, fontsize=13, fontweight="normal")


def _deed(accesses: Sequence[Any]) -> str:
    names = Counter(access.array for access in accesses)
    first = accesses[0]
    verb = "atomic on" if getattr(first, "is_atomic", False) else "store to" if first.is_write else "load from"
    return f"{verb} {names.most_common(1)[0][0] or first.space + ' memory'}"


def _entitle(figure: Figure, report: Any, line: int, where: str, panels: Sequence[str]) -> None:
    """Give a figure its title, the source line and the warp, and the same in words with the panels' titles."""
    lines = report.source.splitlines()
    heading = f"Line {line}: {lines[line - 1].strip() if 0 < line <= len(lines) else ''}"
    entitle(figure, heading, where)
    figure.set_label(f"{heading} ({where}). " + " ".join(f"{panel}." for panel in panels))


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
