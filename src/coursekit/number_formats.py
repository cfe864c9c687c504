"""The number formats of lesson 12, drawn to scale: where their bits go, how far they reach, where their gaps are."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from coursekit import plots

FORMATS = {
    "FP32": (8, 23),
    "TF32": (8, 10),
    "FP16": (5, 10),
    "BF16": (8, 7),
}  # bits of exponent and fraction (IEEE 754)
INT8_LIMIT = 4.0  # what INT8 is drawn with: a symmetric range of ±4
INT8_SCALE = INT8_LIMIT / 127
INT8_NAME = "INT8, range ±4"


def facts(exponent: int, fraction: int) -> tuple[float, float, float, float]:
    """Return the largest number, the smallest normal one, the smallest of all (subnormal), and the step above 1."""
    bias = 2 ** (exponent - 1) - 1
    return (2 - 2.0**-fraction) * 2.0**bias, 2.0 ** (1 - bias), 2.0 ** (1 - bias - fraction), 2.0**-fraction


def to_tf32(values: np.ndarray) -> np.ndarray:
    """Round float32 values to TF32's ten fraction bits, ties to even, and return them as float32 of the same shape."""
    bits = np.asarray(values, np.float32).view(np.uint32)
    bits = bits + np.uint32(0x0FFF) + ((bits >> np.uint32(13)) & np.uint32(1))  # half of what goes; a tie to the even
    rounded: np.ndarray = (bits & np.uint32(0xFFFFE000)).view(np.float32)
    return rounded


def draw_bits() -> Figure:
    """Draw a row of boxes per format, one box per bit: sign, exponent, fraction."""
    figure, axis = plt.subplots(figsize=(11, 2.8))
    for row, (exponent, fraction) in enumerate([*FORMATS.values(), (0, 7)]):
        words = (1, "s", "#444444"), (exponent, "exponent", plots.ORANGE), (fraction, "fraction", "#d5e8f5")
        start = 0
        for count, word, color in words:
            axis.barh([row] * count, 1, left=range(start, start + count), color=color, edgecolor="#999999", height=0.72)
            if count > 1:
                said = f"{word if exponent else 'digits'} {count}"
                axis.text(start + count / 2, row, said, ha="center", va="center", fontsize=11, backgroundcolor=color)
            start += count
    axis.set_yticks(range(len(FORMATS) + 1), [*FORMATS, "INT8"])
    axis.set(title="Where the bits go (dark: the sign)", xlabel="bits", xticks=(0, 8, 16, 24, 32))
    axis.grid(False)
    axis.invert_yaxis()
    return figure


def draw_reach_and_gaps() -> Figure:
    """Draw how far each format reaches, and the gap between neighbours over the size of the number."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 3.8))
    for row, (name, bits) in enumerate(FORMATS.items()):
        largest, normal, smallest, step = facts(*bits)
        left.barh(row, np.log10(largest / normal), left=np.log10(normal), color=plots.SKY, edgecolor="black")
        left.barh(row, np.log10(normal / smallest), left=np.log10(smallest), color="white", edgecolor="black")
        sizes = 2.0 ** np.arange(np.log2(smallest), np.log2(largest))
        right.plot(sizes, np.maximum(sizes, normal) * step, label=name, linewidth=6 if name == "TF32" else 2.4)
    places = np.log10([INT8_SCALE, INT8_LIMIT])
    left.barh(len(FORMATS), np.ptp(places), left=places[0], color=plots.ORANGE, edgecolor="black", hatch="//")
    right.plot([INT8_SCALE, INT8_LIMIT], [INT8_SCALE] * 2, "-", color=plots.GREEN, linewidth=7, label=INT8_NAME)
    left.set_yticks(range(len(FORMATS) + 1), [*FORMATS, INT8_NAME])
    left.set(title="Reach (white: subnormal)", xlabel="power of ten", xlim=(-50, 45), axisbelow=True)
    left.invert_yaxis()
    right.set(title="Gap to the next number", xlabel="number", ylabel="gap", xscale="log", yscale="log")
    right.set(xlim=(1e-9, 1e6), ylim=(1e-12, 1e4))
    right.legend(fontsize=10, loc="upper left")
    return figure


def draw_rulers(*spans: tuple[float, float]) -> Figure:
    """Draw every number that each format has between two positive numbers, a ruler for each span."""
    figure, axes = plt.subplots(len(spans), 1, figsize=(12, 2.1 * len(spans)), squeeze=False)
    for axis, (low, high) in zip(axes.flat, spans, strict=True):
        names = [name for name in FORMATS if name != "FP32"]  # its ticks would be a black bar
        for row, name in enumerate(names):
            count = 2 ** FORMATS[name][1]
            octaves = 2.0 ** np.arange(np.floor(np.log2(low)), np.ceil(np.log2(high)))
            numbers = (octaves[:, None] * (1 + np.arange(count) / count)).ravel()
            inside = numbers[(numbers >= low) & (numbers <= high)]
            axis.vlines(inside, row - 0.4, row + 0.4, color="black", linewidth=1.4)
        marks = INT8_SCALE * np.arange(128)
        marks = marks[(marks >= low) & (marks <= high)]
        axis.vlines(marks, len(names) - 0.4, len(names) + 0.4, color=plots.RED, linewidth=3)
        axis.set_yticks(range(len(names) + 1), [*names, INT8_NAME])
        axis.set(
            xlim=(low - (high - low) / 60, high), xlabel="number", title=f"Every number from {low:,g} to {high:,g}"
        )
        axis.set_ylim(len(names) + 0.6, -0.6)
        axis.xaxis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10)))
        axis.grid(False)
    return figure
