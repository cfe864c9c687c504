"""The index of the lessons' pages, build/html/index.html, and the record behind it, build/html/runs.json.

The record keeps how each lesson's last run went, so that `course run 05` leaves the other rows as they were. Called by
`runner` when lessons have run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from coursegrade.lessons import notebooks
from coursegrade.lessons.html_page import page_name, relative_link
from coursegrade.page_templates import page
from coursekit import device

RECORD = "runs.json"
STATES = ("ok", "failed")


@dataclass(frozen=True)
class LastRun:
    """How a lesson's last run went. state: "ok" or "failed"; when: local date and time."""

    state: str
    cells: int
    done: int
    seconds: float
    when: str
    failed_cell: int = 0

    @property
    def cells_done(self) -> str:
        """Return "24", or "7 of 24" of a lesson that did not reach its end; "" of one that could not be read."""
        if self.state == "ok":
            return str(self.cells)
        return f"{self.done} of {self.cells}" if self.cells else ""


def load_record(folder: Path) -> dict[str, LastRun]:
    """Return {lesson's stem: its last run}; empty where nothing is recorded or the file is damaged."""
    try:
        facts = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return {stem: LastRun(**run) for stem, run in facts.items() if run["state"] in STATES}
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return {}


def save_record(folder: Path, record: dict[str, LastRun]) -> None:
    """Write what `load_record` reads."""
    text = json.dumps({stem: asdict(run) for stem, run in sorted(record.items())}, indent=1)
    (folder / RECORD).write_text(text + "\n", encoding="utf-8")


def write_index(
    folder: Path, lessons: Sequence[Path], titles: dict[Path, str], record: dict[str, LastRun], labs: Sequence[Path]
) -> Path:
    """Write the index of `lessons` into `folder` and return its path."""
    rows = [_row(path, titles[path], folder, record.get(path.stem), labs) for path in lessons]
    failed = sum(row["state"] == "failed" for row in rows)
    ran = sum(row["state"] == "ok" for row in rows)
    seconds = sum(record[path.stem].seconds for path in lessons if path.stem in record)
    verdict = f"{ran} of {len(rows)} lessons ran without an error, {seconds:.0f} s altogether."
    if failed:
        verdict += f" {failed} failed."
    cores = device.cores()
    text = page(
        "index.html.j2",
        rows=rows,
        verdict=verdict,
        state="failed" if failed else "ok" if ran == len(rows) else "",
        machine=f"{device.processor_name()}, {cores} core{'s' if cores != 1 else ''}",
    )
    target = folder / "index.html"
    target.write_text(text, encoding="utf-8")
    return target


def _row(lesson: Path, title: str, folder: Path, run: LastRun | None, labs: Sequence[Path]) -> dict[str, Any]:
    number = notebooks.number(lesson)
    lab = next((path for path in labs if notebooks.number(path) == number), None)
    return {
        "number": number,
        "title": title,
        "page": page_name(lesson) if (folder / page_name(lesson)).is_file() else "",
        "state": run.state if run else "quiet",
        "word": run.state if run else "not run yet",
        "detail": f"cell [{run.failed_cell}]" if run and run.failed_cell else "",
        "cells": run.cells_done if run else "",
        "seconds": f"{run.seconds:.1f}" if run and run.cells else "",
        "when": run.when if run else "",
        "notebook": relative_link(lesson, folder),
        "lab": relative_link(lab, folder) if lab else "",
    }
