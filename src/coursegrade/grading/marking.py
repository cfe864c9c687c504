"""The answers in words: laid out for a person to mark, with question and rubric, and their points merged back.

`batch` calls `export` when a class has been graded: OUT/by_a_person/lab_03.md to read and lab_03.csv to fill in.
`course merge OUT` calls `merge`, which writes the points into every report, feedback page and scores.csv.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from coursegrade.grading import feedback, gradebook
from coursegrade.grading.gradebook import Row
from coursegrade.grading.plain_text import cell, clean
from coursegrade.grading.report import write_whole
from coursegrade.lessons import notebooks
from coursegrade.lessons.labs import BEGIN, END
from coursekit.paths import root

FOLDER = "by_a_person"
COLUMNS = ("id", "submission", "task", "max", "points", "comment")


class NoMark(Exception):
    """A line of a filled-in table that cannot be used; the message says which and why."""


def export(out: Path) -> None:
    """Write the Markdown and the table of each lab below `out`; points that were filled in before are kept."""
    by_lab: dict[str, list[tuple[Path, dict[str, Any]]]] = defaultdict(list)
    for path, report in gradebook.reports(out):
        entry = report["labs"][0]
        if entry.get("lab") is not None:
            by_lab[entry["lab"]].append((path, report))
    for lab, reports in by_lab.items():
        table = out / FOLDER / f"lab_{lab}.csv"
        table.parent.mkdir(exist_ok=True)
        given = {tuple(line.get(name) for name in COLUMNS[:3]): line for line in _lines(table)}
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        words = [_question(lab)]
        for path, report in reports:
            for part in report["labs"][0]["by_a_person"]:
                line = _line(path, report, part)
                known = given.get((line["id"], line["submission"], line["task"]), {})
                writer.writerow({**line, **{name: cell(known.get(name) or "") for name in ("points", "comment")}})
                whose = f"{_in_markdown(report['row']['id'])}, {_in_markdown(path.parent.name)}"
                words.append(f"## {whose}\n\n{_fenced(part['answer'])}\n")
        write_whole(table, gradebook.MARK + text.getvalue())
        write_whole(table.with_suffix(".md"), "\n".join(words))


def merge(out: Path, console: Console) -> int:
    """Put the points of the filled-in tables into all reports and scores.csv; return the exit status.

    Nothing is changed if a line is wrong. A line without points leaves its submission unmarked.
    """
    reports = list(gradebook.reports(out))
    places = {
        tuple(_line(path, report, part)[name] for name in COLUMNS[:3]): part
        for path, report in reports
        for part in report["labs"][0].get("by_a_person", [])
    }
    marks = []
    try:
        for table in sorted((out / FOLDER).glob("lab_*.csv")):
            for number, line in enumerate(_lines(table), start=2):
                marks.append(_mark(line, places, f"{table.name}, line {number}"))
    except NoMark as problem:
        console.print(f"Nothing was merged: {escape(str(problem))}")
        return 1
    if not places:
        console.print(f"{escape(str(out))} holds no graded submissions; `course grade --submissions` makes them.")
        return 1
    for part, points, comment in marks:
        part["points"], part["comment"] = points, comment
    rows = [_merged(path, report) for path, report in reports]
    gradebook.write(out / "scores.csv", rows)
    done = sum(points is not None for _, points, _ in marks)
    console.print(f"{done} of {len(marks)} answers have points; they are in the reports, the feedback and scores.csv.")
    return 0


def _line(path: Path, report: dict[str, Any], part: dict[str, Any]) -> dict[str, str]:
    name = cell(path.parent.name)
    return {"id": cell(report["row"]["id"]), "submission": name, "task": part["task"], "max": str(part["max"])}


def _lines(table: Path) -> list[dict[str, str]]:
    """Return the lines of a table, also of one that a spreadsheet saved with semicolons, in Windows' code page."""
    try:
        data = table.read_bytes()
    except OSError:
        return []
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")
    comma = "," in text.partition("\n")[0]
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter="," if comma else ";"))


def _mark(line: dict[str, str], places: Any, where: str) -> tuple[dict[str, Any], float | None, str]:
    part = places.get(tuple(line.get(name) for name in COLUMNS[:3]))
    if part is None:
        said = ", ".join(str(line.get(name)) for name in COLUMNS[:3])
        raise NoMark(
            f"{where}: there is no submission {clean(said)}. The first three columns are to stay as they were; a "
            "spreadsheet keeps an id such as 0042 if you import the file with these columns as text."
        )
    said = (line.get("points") or "").strip().replace(",", ".")
    if not said:
        return part, None, clean(line.get("comment") or "")
    if not re.fullmatch(r"\d+(\.\d+)?", said) or float(said) > part["max"]:
        raise NoMark(f"{where}: the points are {said!r}; give a number from 0 to {part['max']}, or nothing.")
    points = float(said)
    return part, int(points) if points.is_integer() else points, clean(line.get("comment") or "")


def _merged(path: Path, report: dict[str, Any]) -> Row:
    """Write one submission's report and feedback anew and return its row. Merging twice changes nothing."""
    entry, row = report["labs"][0], report["row"]
    marked = [part for part in entry.get("by_a_person", []) if part["points"] is not None]
    if entry.get("lab") is not None:
        row["score"] = entry["score"] + sum(part["points"] for part in marked)
        row["max"] = entry["max"] + sum(part["max"] for part in marked)
        report["score"], report["max"] = row["score"], row["max"]
        write_whole(path.with_name("feedback.html"), feedback.page(row["id"], entry, report.get("log", "")))
        write_whole(path, json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    return Row(**row)


def _question(lab: str) -> str:
    """Return the question, its rubric and the model answer, as the solved lab has them."""
    for path in (root() / "solutions").glob(f"lab_{lab}_*.ipynb"):
        cells = notebooks.read(path).cells
        for before, after in pairwise(cells):
            if after.metadata.get("course", {}).get("explain"):
                answer = after.source.replace(BEGIN, "").replace(END, "").strip()
                quoted = "\n".join(f"> {line}" for line in answer.splitlines())
                return f"# Lab {lab}: to be marked\n\n{before.source}\n\n**A full answer:**\n\n{quoted}\n"
    return f"# Lab {lab}: to be marked\n"


def _fenced(text: str) -> str:
    """Return a student's words as a block that nothing in them can end."""
    if not text.strip():
        return "(nothing)"
    fence = "`" * max(3, 1 + max((len(found) for found in re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}"


def _in_markdown(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", text)
