"""What a batch leaves: scores.csv, one row for each submission in the form that a gradebook imports, and the reports.

Written by `batch`; read again by `class_report` and `marking`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from coursegrade.grading.plain_text import cell
from coursegrade.grading.report import write_whole

MARK = "\ufeff"  # in front of a table: without it Excel takes UTF-8 for the machine's old code page
Status = Literal["ok", "partial", "rejected", "error"]


@dataclass(frozen=True)
class Row:
    """One submission. ok: every task could be asked; partial: some could not; rejected: it is no notebook of a lab;
    error: the grader failed, not the student."""

    id: str
    lab: str
    sha256: str
    score: float  # a whole number until a person's points are merged
    max: int
    status: Status
    reason: str
    seconds: float
    sandbox: str
    grader_version: str
    seed: str


def write(file: Path, rows: Iterable[Row]) -> None:
    """Write the rows, sorted by student and lab, whole or not at all."""
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, [each.name for each in fields(Row)], lineterminator="\n")
    table.writeheader()
    for row in sorted(rows, key=lambda each: (each.id, each.lab)):
        table.writerow({name: _shown(value) for name, value in asdict(row).items()})
    write_whole(file, MARK + text.getvalue())


def reports(out: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield each report.json that a batch left below `out`, with its content; what is no such report is passed over."""
    for path in sorted(out.glob("*/*/report.json")):
        try:
            report = json.loads(path.read_text(encoding="utf-8"))
            Row(**report["row"])
            report["labs"][0].get("lab")
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            continue
        yield path, report


def _shown(value: Any) -> Any:
    return cell(value) if isinstance(value, str) else value
