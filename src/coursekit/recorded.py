"""Times that were measured on a named GPU, for readers who have none: `recorded("transpose")` shows a ladder.

Lessons 08 to 10 end their ladders with it. The figures come from data/measurements/ladders.json, which
benchmarks/gpu/measure.py writes on a GPU; nothing is shown that was not measured there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from coursekit.paths import data_dir

LADDERS = ("copy", "transpose", "reduction", "softmax", "histogram", "matmul")
MISSING = "No GPU's times are recorded for this ladder yet; benchmarks/gpu/README.md says how to record them."


@dataclass(frozen=True)
class Rung:
    """One rung's median time in its fastest variant."""

    name: str
    variant: str  # block size and the like; "" where there is only one
    milliseconds: float
    rate: float  # bytes, or floating-point operations, per second
    share: float  # of the measured bandwidth of a copy, or of cuBLAS
    reference: bool  # a library's, not one of ours

    @property
    def label(self) -> str:
        """Return the name, with the variant of one of ours where there is one."""
        return f"{self.name} ({self.variant})" if self.variant and not self.reference else self.name


@dataclass(frozen=True)
class Recorded:
    """A ladder as it was measured. Displays itself as a table; says so where nothing is recorded."""

    ladder: str
    rungs: tuple[Rung, ...] = ()
    unit: str = ""  # of the rates: "B/s" or "FLOP/s"
    where: str = ""  # GPU, driver, day

    def rows(self) -> list[tuple[str, ...]]:
        """Return the table as text, its headings first."""
        arithmetic = self.unit == "FLOP/s"
        size, unit, of = (1e12, "TFLOP/s", "cuBLAS") if arithmetic else (1e9, "GB/s", "a copy")
        figure = ",.1f" if arithmetic else ",.0f"
        rows = [(r.label, f"{r.milliseconds:.3g}", f"{r.rate / size:{figure}}", f"{r.share:.0%}") for r in self.rungs]
        return [(self.ladder, "ms", unit, f"share of {of}"), *rows]

    def __str__(self) -> str:
        if not self.rungs:
            return MISSING
        rows = self.rows()
        widths = [max(len(row[k]) for row in rows) for k in range(4)]
        lines = [f"{first:<{widths[0]}}  " + "  ".join(f"{cell:>{w}}" for cell, w in zip(rest, widths[1:], strict=True))
                 for first, *rest in rows]  # fmt: skip
        return "\n".join([f"Recorded on {self.where}", *lines])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if not self.rungs:
            return f"<p>{escape(MISSING)}</p>"
        head, *body = self.rows()
        lines = ["".join(f"<th>{escape(cell)}</th>" for cell in head)]
        lines += ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in body]
        table = "".join(f"<tr>{line}</tr>" for line in lines)
        return f"<table><caption>Recorded on {escape(self.where)}</caption>{table}</table>"


def recorded(ladder: str, folder: Path | None = None) -> Recorded:
    """Return a ladder's recorded times; empty where none are. `folder` holds the JSON files, else data/measurements.

    Ladders: copy, transpose, reduction, softmax, histogram, matmul; ValueError for another name.
    """
    if ladder not in LADDERS:
        raise ValueError(f"There is no ladder {ladder!r}; choose one of {', '.join(LADDERS)}.")
    path = (folder or data_dir() / "measurements") / "ladders.json"
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"items": {}, "machine": {}}
    items = [item for item in content["items"].values() if "error" not in item]
    mine = [item for item in items if item["ladder"] == ladder]
    if not mine or content["machine"].get("emulated"):
        return Recorded(ladder)
    of = "matmul" if ladder == "matmul" else "copy"
    ceilings = [item["rate"] for item in items if item["ladder"] == of and item.get("reference")]
    ceiling = max(ceilings, default=float("nan"))
    best: dict[str, Any] = {}
    for item in mine:
        if item["rung"] not in best or item["rate"] > best[item["rung"]]["rate"]:
            best[item["rung"]] = item
    rungs = [
        Rung(name, i["variant"], i["median"], i["rate"], i["rate"] / ceiling, bool(i.get("reference")))
        for name, i in best.items()
    ]
    rungs.sort(key=lambda rung: rung.reference)  # ours in the order of the lesson, then the libraries'
    gpu, driver, *_ = [*(part.strip() for part in (content["machine"]["gpu"] or "a GPU").split(",")), "unknown"]
    return Recorded(ladder, tuple(rungs), mine[0]["unit"], f"{gpu}, driver {driver}, {content['date'][:10]}")
