"""Where does a lower precision lose? The error of every layer between two precisions of one network.

Lesson 12 calls `compare_layers`. The layers, and how they compute, are those of nogpu.tensorrt, on every machine: a GPU
engine does not show what is between its layers. So the precisions are emulated on the CPU, and the result says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, overload

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from coursekit import plots
from coursekit.precision import Model, as_inputs, read, to_half, to_int8

Arrays = Mapping[str, np.ndarray] | np.ndarray
ROUNDED_IN_TF32 = ("CaskConvolution", "CaskDeconvolution", "CaskGemm")
PRECISIONS = ("FP32", "TF32", "FP16", "BF16", "INT8")


@dataclass(frozen=True)
class LayerError:
    """What one layer's output differs by in the second precision, all that came before it included."""

    layer: str  # TensorRT's name of the layer: "conv1 + relu1"
    type: str
    precision: str  # the second's: "FP32", "TF32", "FP16", "BF16", "INT8"
    max_abs: float  # the largest difference; inf or nan where a value overflowed
    relative: float  # RMS of the difference / RMS of the first precision's values; inf where a value overflowed
    overflowed: int  # how many values are finite in the first precision and inf or nan in the second
    peak: float  # the largest absolute value in the first precision: FP16 ends at 65504


class LayerComparison:
    """The layers that both networks have, in the order in which they run. Shows itself as a table."""

    def __init__(self, rows: list[LayerError], first: str, second: str, left_out: list[str]) -> None:
        self.rows, self.first, self.second = rows, first, second
        self.left_out = left_out  # layers of the first network that the second does not have in this form

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def worst(self) -> LayerError:
        """Return the layer that loses most: the first that overflows, else the one of the largest relative error."""
        return next((row for row in self.rows if row.overflowed), max(self.rows, key=lambda row: row.relative))

    def figure(self) -> Figure:
        """Draw a bar per layer: its relative error, on a logarithmic axis. Hatched to the edge: values overflowed."""
        return _draw(self)

    def _table(self) -> list[tuple[str, ...]]:
        head = ("layer", "computed in", "largest value", "largest error", "relative error", "overflowed")
        rows = [
            (row.layer, row.precision, f"{row.peak:.3g}", f"{row.max_abs:.2g}", f"{row.relative:.1e}",
             f"{row.overflowed:,}" if row.overflowed else "")
            for row in self.rows
        ]  # fmt: skip
        return [head, *rows]

    def _title(self) -> str:
        return f"{self.second} against {self.first}, layer by layer (emulated on the CPU)"

    def __repr__(self) -> str:
        table = self._table()
        widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
        lines = [
            "  ".join(
                cell.ljust(width) if column < 2 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in table
        ]
        return "\n".join([self._title(), *lines])

    def __rich__(self) -> Any:
        from rich.table import Table

        head, *rows = self._table()
        table = Table(title=self._title(), title_justify="left")
        for column, name in enumerate(head):
            table.add_column(name, justify="left" if column < 2 else "right")
        for row in rows:
            table.add_row(*row)
        return table

    def _repr_html_(self) -> str:
        head, *rows = self._table()
        lines = ["".join(f"<th>{escape(cell)}</th>" for cell in head)]
        lines += ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
        caption = f"<caption>{escape(self._title())}</caption>"
        return f"<table>{caption}" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


@overload
def compare_layers(model: Model, first: Model, second: Arrays) -> LayerComparison: ...
@overload
def compare_layers(model: Model, first: str, second: str, inputs: Arrays) -> LayerComparison: ...
def compare_layers(model: Model, first: Any, second: Any, inputs: Arrays | None = None) -> LayerComparison:
    """Return the error of every layer between two precisions of a network, for these inputs.

    Two forms: `compare_layers(model, "FP32", "FP16", inputs)` puts the FP32 model into both precisions itself (of
    FP32, TF32, FP16, BF16, INT8; INT8 is calibrated on `inputs`), `compare_layers(model, other, inputs)` takes two
    models of the same network, say an FP32 one and its Q/DQ form. Layers are matched by the names of their ONNX nodes.
    inputs: arrays by input name, or one array where there is one input; the same for both models.

    Raises ValueError for an unknown precision, inputs that do not fit, a model that the parser refuses, or two
    models that have no layer in common.
    """
    if inputs is None:
        inputs = second
        models, labels = (read(model), read(first)), (_label(read(model)), _label(read(first)))
    else:
        source = read(model)
        labels = (str(first), str(second))
        models = (_in_precision(source, labels[0], inputs), _in_precision(source, labels[1], inputs))
    feeds = as_inputs(models[0], inputs)
    as_inputs(models[1], feeds)
    from nogpu.tensorrt.execution.layer_values import layer_values

    ones, others = (
        layer_values(each.SerializeToString(), feeds, tf32=label == "TF32")
        for each, label in zip(models, labels, strict=True)
    )
    by_end = {node: other for other in others for node in other.nodes[-1:]}
    rows, left_out = [], []
    for one in ones:
        other = by_end.get(one.nodes[-1])
        if other is None or other.array.shape != one.array.shape:
            left_out.append(one.name)
            continue
        precision = "TF32" if labels[1] == "TF32" and one.type in ROUNDED_IN_TF32 else other.precision
        rows.append(_row(one.name, one.type, precision, one.array, other.array))
    if not rows:
        raise ValueError("the two models have no layer in common: their nodes must have the same names")
    return LayerComparison(rows, *labels, left_out)


def _in_precision(model: Any, precision: str, inputs: Arrays) -> Any:
    if precision in ("FP16", "BF16"):
        return to_half(model, kind=precision)
    if precision == "INT8":
        return to_int8(model, inputs)
    if precision in PRECISIONS:
        return model
    raise ValueError(f"a precision is one of {', '.join(PRECISIONS)}, not {precision!r}")


def _label(model: Any) -> str:
    """Return the precision of a model's own types."""
    kinds = {node.op_type for node in model.graph.node}
    if "QuantizeLinear" in kinds or "DequantizeLinear" in kinds:
        return "INT8"
    types = {tensor.data_type for tensor in model.graph.initializer}
    return "FP16" if 10 in types else "BF16" if 16 in types else "FP32"


def _row(name: str, kind: str, precision: str, one: np.ndarray, other: np.ndarray) -> LayerError:
    a, b = one.astype(np.float64), other.astype(np.float64)
    overflowed = int((np.isfinite(a) & ~np.isfinite(b)).sum())
    peak = float(np.abs(a[np.isfinite(a)]).max(initial=0))
    if overflowed:
        return LayerError(name, kind, precision, float("inf"), float("inf"), overflowed, peak)
    both = np.isfinite(a)
    difference = a[both] - b[both]
    size = np.sqrt(np.mean(a[both] ** 2)) if both.any() else 0.0
    error = np.sqrt(np.mean(difference**2)) if both.any() else 0.0
    relative = float(error / size) if size else float(error)
    return LayerError(name, kind, precision, float(np.abs(difference).max(initial=0)), relative, 0, peak)


def _draw(comparison: LayerComparison) -> Figure:
    rows = comparison.rows
    finite = [row.relative for row in rows if 0 < row.relative < np.inf]
    low = 10 ** np.floor(np.log10(min(finite, default=1e-3)) - 0.3)
    high = 10 ** np.ceil(np.log10(max([*finite, 1e-2])) + 0.3)
    figure, axis = plt.subplots(figsize=(9, 1.4 + 0.36 * len(rows)))
    for place, row in enumerate(rows):
        broken = bool(row.overflowed)
        width = high if broken else max(row.relative, low)
        axis.barh(
            place, width - low, left=low, height=0.68, edgecolor="black", linewidth=1,
            color="white" if broken else plots.SKY, hatch="///" if broken else "",
        )  # fmt: skip
        text = (
            f"{row.overflowed:,} value{'s' * (row.overflowed != 1)} overflowed"
            if broken
            else f"{row.relative:.1e}"
            if row.relative
            else "0"
        )
        axis.text(
            low * 1.3 if broken else width * 1.15, place, text, va="center", fontsize=11,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1} if broken else None,
        )  # fmt: skip
    axis.set_xscale("log")
    axis.set(xlim=(low, high * 6), ylim=(len(rows) - 0.4, -0.6), xlabel="relative error (RMS of error / RMS of value)")
    axis.set_yticks(range(len(rows)), [f"{_short(row.layer)}  [{row.precision}]" for row in rows], fontsize=11)
    axis.grid(axis="y", visible=False)
    axis.set_title(f"{comparison.second} against {comparison.first}, emulated")
    return figure


def _short(name: str, most: int = 44) -> str:
    return name if len(name) <= most else f"{name[: most // 2 - 1]}…{name[-(most // 2) :]}"
