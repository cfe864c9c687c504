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
) -> None:
    """Write or replace the row of `stage` for `model`.

    logits: (n, classes) array of the test images in their fixed order, kept to compare the next hop with;
    labels: (n,) true labels, for the accuracy (leave out where the weights are random); latency: of one call,
    one image unless the stage says otherwise; throughput: images/s at the best batch, default the latency's;
    size: bytes on disk; device: where it ran, default this machine's.
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
                    row.device,
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
        """Draw latency (p50, with p95 as a whisker) and size of each stage of `model`, accuracy written beside."""
        import matplotlib.pyplot as plt

        from coursekit.plots import BLUE, ORANGE

        rows = [row for row in self.rows if row.model == model]
        figure, (left, right) = plt.subplots(1, 2, figsize=(10, 1.4 + 0.55 * len(rows)), sharey=True)
        for index, row in enumerate(rows):
            p50, p95 = (1e3 * (value or 0) for value in (row.latency_p50, row.latency_p95))
            left.barh(index, p50, xerr=[[0], [max(p95 - p50, 0)]], color=BLUE, height=0.6, capsize=4)
            right.barh(index, (row.size or 0) / 1e3, color=ORANGE, height=0.6)
            if row.accuracy is not None:
                right.text((row.size or 0) / 1e3, index, f"  {row.accuracy:.2%}", va="center")
        left.set(title=f"{model}: latency", xlabel="ms per image, p50 (whisker: p95)")
        right.set(title="size on disk, test accuracy", xlabel="kB")
        right.margins(x=0.25)
        left.set_yticks(range(len(rows)), [row.stage for row in rows])
        left.invert_yaxis()
        return figure


def show() -> Ledger:
    """Return the ledger as it stands, to be shown as a notebook cell's value."""
    return Ledger(load())


def _text(value: float | None, form: str, scale: float = 1.0) -> str:
    return "–" if value is None else form.format(value * scale)
