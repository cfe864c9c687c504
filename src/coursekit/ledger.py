"""The ledger: one row for each form that a model takes on its way from eager PyTorch to an engine.

Kept in build/ledger.json. A lesson that is run again replaces its own rows. What a row says about the hop before
it (predictions flipped, largest error) is worked out from the stored logits when the table is shown, so lessons
may be run in any order.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from datetime import date
from html import escape
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from coursekit import device as machine
from coursekit.paths import build_dir
from coursekit.timing import Timing

FILE = "ledger.json"


@dataclass(frozen=True)
class Row:
    """One stage of one model. Times in seconds, size in bytes, logits (images, classes)."""

    model: str
    stage: str
    lesson: int
    device: str
    day: str
    accuracy: float | None = None  # share of the test images labelled right, in [0, 1]
    latency_p50: float | None = None
    latency_p95: float | None = None
    throughput: float | None = None  # images per second
    size: int | None = None
    logits: list[list[float]] = field(default_factory=list)
    emulated: bool = False  # a CPU computed what a GPU would: the values count, the times say nothing about a GPU


def record(
    stage: str,
    *,
    lesson: int,
    logits: Any = None,
    labels: Any = None,
    latency: Timing | None = None,
    throughput: float | None = None,
    size: int | None = None,
    model: str = "DigitNet",
    device: str | None = None,
    emulated: bool = False,
) -> None:
    """Write or replace the row of `stage` for `model`.

    logits: (n, classes) array of the test images in their fixed order, kept to compare the next hop with;
    labels: (n,) true labels, for the accuracy (leave out where the weights are random); latency: of one call,
    one image unless the stage says otherwise; throughput: images/s at the best batch, default the latency's;
    size: bytes on disk; device: where it ran, default this machine's; emulated: its time is not a GPU's.
    """
    scores = np.zeros((0, 0)) if logits is None else np.asarray(logits, dtype=np.float64)
    if logits is not None and scores.ndim != 2:
        raise ValueError(f"logits must have the shape (images, classes), not {scores.shape}")
    if labels is not None and np.shape(labels) != scores.shape[:1]:
        raise ValueError(f"labels must have one entry per row of logits: {np.shape(labels)} beside {scores.shape}")
    accuracy = None if labels is None else float((scores.argmax(axis=1) == np.asarray(labels)).mean())
    row = Row(
        model=model,
        stage=stage,
        lesson=lesson,
        device=device or machine.name(),
        day=date.today().isoformat(),
        accuracy=accuracy,
        latency_p50=latency.median if latency else None,
        latency_p95=latency.p95 if latency else None,
        throughput=throughput or (latency.throughput if latency else None),
        size=size,
        logits=[[float(f"{value:.9g}") for value in line] for line in scores],
        emulated=emulated,
    )
    rows = [row if (old.model, old.stage) == (model, stage) else old for old in load()]  # in its place: hops keep order
    if row not in rows:
        rows.append(row)
    rows.sort(key=lambda each: (each.model != "DigitNet", each.model, each.lesson))
    target = build_dir() / FILE
    unfinished = target.with_suffix(f".{os.getpid()}.unfinished")
    unfinished.write_text(json.dumps([asdict(each) for each in rows], indent=1), encoding="utf-8")
    unfinished.replace(target)


def load() -> list[Row]:
    """Return the rows, earliest hop first; none where nothing was recorded or the file is damaged."""
    try:
        return [Row(**row) for row in json.loads((build_dir() / FILE).read_text(encoding="utf-8"))]
    except (FileNotFoundError, ValueError, TypeError):
        return []


@dataclass(frozen=True)
class Hop:
    """What changed from the row before of the same model: predictions flipped, and largest absolute logit error."""

    flipped: int
    images: int
    error: float


def hop(before: Row | None, row: Row) -> Hop | None:
    """Compare two rows' logits; None for a model's first row or where either kept none."""
    if before is None or before.model != row.model or not before.logits or not row.logits:
        return None
    a, b = np.array(before.logits), np.array(row.logits)
    if a.shape != b.shape:
        return None
    return Hop(int((a.argmax(axis=1) != b.argmax(axis=1)).sum()), len(a), float(abs(a - b).max()))


class Ledger:
    """The rows as a table (text and HTML) and as a picture."""

    HEAD = (
        "model",
        "stage",
        "accuracy",
        "flipped",
        "largest error",
        "p50 ms",
        "p95 ms",
        "images/s",
        "size kB",
        "device",
    )

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows

    def cells(self) -> list[tuple[str, ...]]:
        """Return the table's body, one tuple of strings per row; what a row does not have is a dash."""
        table: list[tuple[str, ...]] = []
        for before, row in zip([None, *self.rows], self.rows, strict=False):
            change = hop(before, row)
            table.append(
                (
                    row.model,
                    row.stage,
                    _text(row.accuracy, "{:.2%}"),
                    f"{change.flipped} of {change.images}" if change else "–",
                    f"{change.error:.1e}" if change else "–",
                    _text(row.latency_p50, "{:.3g}", 1e3),
                    _text(row.latency_p95, "{:.3g}", 1e3),
                    _text(row.throughput, "{:,.0f}"),
                    _text(row.size, "{:,.1f}", 1e-3),
                    row.device + (", emulated" if row.emulated else ""),
                )
            )
        return table

    def __repr__(self) -> str:
        if not self.rows:
            return "The ledger is empty: lesson 03 writes its first row."
        rows = [self.HEAD, *self.cells()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)

    def _repr_html_(self) -> str:
        if not self.rows:
            return f"<p>{self!r}</p>"
        head = "".join(f"<th>{escape(cell)}</th>" for cell in self.HEAD)
        body = "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in row) + "</tr>" for row in self.cells())
        return f"<table><tr>{head}</tr>{body}</table>"

    def plot(self, model: str = "DigitNet") -> Figure:
        """Draw the stages of `model` as rows: latency, size, and accuracy with the error against the first stage.

        Hatched bars are emulated: a CPU's time for what a GPU would compute. A stage without a fact has no mark there.
        """
        import matplotlib.pyplot as plt

        from coursekit.plots import BLACK, BLUE, ORANGE

        rows = [row for row in self.rows if row.model == model]
        figure, axes = plt.subplots(1, 3, figsize=(13, 1.7 + 0.5 * len(rows)), sharey=True, width_ratios=(3, 3, 4))
        latency, size, error = axes
        for index, row in enumerate(rows):
            look: dict[str, Any] = {"height": 0.62, "edgecolor": "white", "hatch": "///" if row.emulated else ""}
            if row.latency_p50:
                tail = 1e3 * max((row.latency_p95 or 0) - row.latency_p50, 0)
                latency.barh(index, 1e3 * row.latency_p50, color=BLUE, xerr=[[0], [tail]], capsize=4, **look)
            if row.size:
                size.barh(index, row.size / 1e3, color=ORANGE, **look)
                size.text(row.size / 1e3, index, f" {row.size / 1e3:,.0f}", va="center", fontsize=11)
            change = hop(rows[0], row) if index else None
            said = _text(row.accuracy, "{:.2%}") + (f", {change.flipped} flipped" if change else "")
            error.text(1.03, index, said, va="center", fontsize=11, transform=error.get_yaxis_transform())
            if change:
                error.plot(max(change.error, 1e-7), index, "D", color=BLACK, markersize=9)
        first = rows[0].stage if rows else "the first"
        latency.set(title="Latency", xlabel="ms per image, p50 (whisker: p95)", xscale="log", axisbelow=True)
        size.set(title="Size on disk", xlabel="kB", axisbelow=True)
        size.margins(x=0.22)
        error.set(title="Error", xlabel=f"largest error of a logit against {first}", xscale="log", axisbelow=True)
        error.text(1.03, 1.01, "accuracy, labels flipped", transform=error.transAxes, fontsize=12, weight="bold")
        latency.set_yticks(range(len(rows)), [row.stage + " ▨" * row.emulated for row in rows])
        latency.invert_yaxis()
        figure.suptitle(
            f"{model}, stage by stage" + (" (▨ emulated)" if any(r.emulated for r in rows) else ""), weight="bold"
        )
        return figure


def show() -> Ledger:
    """Return the ledger as it stands, to be shown as a notebook cell's value."""
    return Ledger(load())


def _text(value: float | None, form: str, scale: float = 1.0) -> str:
    return "–" if value is None else form.format(value * scale)
