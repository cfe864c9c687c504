"""`course grade` and `course check`: grade notebooks, show the result as tables, write build/grade/report.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from coursegrade.judge import LabResult, Limits, judge
from coursegrade.reader import Unreadable, read
from coursekit import progress
from coursekit.checks import all_labs
from coursekit.paths import build_dir, root

MARKS = {"passed": "[green]✓[/]", "failed": "[red]✗[/]", "not attempted": "[dim]·[/]"}


def grade(paths: list[Path], lab: str | None, console: Console, limits: Limits | None = None) -> int:
    """Grade the notebooks at `paths`, or the learner's own labs (only `lab`, if given); return the exit status.

    0 if every notebook could be graded, whatever its score; 1 if one could not be read. The report says which.
    """
    if not paths:
        paths = sorted((root() / "labs").glob(f"lab_{lab.zfill(2)}_*.ipynb" if lab else "lab_*.ipynb"))
        if not paths:
            known = ", ".join(all_labs())
            console.print(f"There is no lab {lab} in labs/; there are {known}." if lab else "labs/ holds no lab.")
            return 1
    entries, unreadable = [], 0
    for path in paths:
        with console.status(f"Grading {path.name} …"):
            entry = _grade_one(path, console, limits)
        entries.append(entry)
        unreadable += "problem" in entry
    report = _write_report(entries)
    score, most = sum(entry["score"] for entry in entries), sum(entry["max"] for entry in entries)
    if len(entries) > 1:
        console.print(f"[bold]All together: {score} of {most} points.[/]")
    if unreadable:
        console.print(f"[red]{unreadable} of {len(entries)} notebooks could not be graded; see above.[/]")
    console.print(f"[dim]Report: {_shown(report)}[/]")
    return 1 if unreadable else 0


def _grade_one(path: Path, console: Console, limits: Limits | None) -> dict[str, Any]:
    try:
        submission = read(path)
        if submission.lab not in all_labs():
            raise Unreadable(f"{path.name} is of lab {submission.lab}; there are checks for {', '.join(all_labs())}.")
    except Unreadable as problem:
        console.print(f"[red]✗[/] {escape(str(problem))}\n")
        return {"lab": None, "file": path.name, "score": 0, "max": 0, "tasks": [], "problem": str(problem)}
    result = judge(submission, limits)
    show(result, console)
    if path.resolve().parent == root() / "labs":
        for outcome in result.outcomes:
            progress.record(outcome)
    return _entry(result)


def show(result: LabResult, console: Console) -> None:
    """Print one submission's table: task, points, and the reason in plain words."""
    title = f"Lab {result.lab.number} · {result.lab.title}: {result.score} of {result.lab.points} points"
    table = Table(title=title, title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
    table.add_column("")
    table.add_column("task", max_width=34)
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("why")
    for outcome in result.outcomes:
        points = f"{outcome.earned} / {outcome.task.points}"
        table.add_row(
            MARKS[outcome.state], f"{outcome.task.number} {outcome.task.title}", points, escape(_reason(outcome))
        )
    table.add_row("", f"{_explain_number(result)} Explain it", f"– / {result.lab.explain_points}", "marked by a person")
    console.print(table)
    for remark in result.submission.remarks:
        console.print(f"[yellow]{escape(remark)}[/]")
    console.print()


def _reason(outcome: Any) -> str:
    if outcome.state == "not attempted":
        return "not yet attempted"
    if outcome.state == "passed":
        return ""
    return f"{outcome.what}." + (f" Hint: {outcome.hint}" if outcome.hint else "")


def _explain_number(result: LabResult) -> str:
    return f"{int(result.lab.number)}.E"


def _entry(result: LabResult) -> dict[str, Any]:
    """Return the report's entry for one submission."""
    return {
        "lab": result.lab.number,
        "file": result.submission.path.name,
        "score": result.score,
        "max": result.lab.points,
        "tasks": [
            {
                "task": outcome.task.number,
                "title": outcome.task.title,
                "points": outcome.earned,
                "max": outcome.task.points,
                "state": outcome.state,
                "reason": _reason(outcome),
            }
            for outcome in result.outcomes
        ],
        "by_a_person": [{"task": _explain_number(result), "max": result.lab.explain_points}],
        "remarks": list(result.submission.remarks),
    }


def _write_report(entries: list[dict[str, Any]]) -> Path:
    folder = build_dir() / "grade"
    folder.mkdir(exist_ok=True)
    report = folder / "report.json"
    summary = {"score": sum(e["score"] for e in entries), "max": sum(e["max"] for e in entries), "labs": entries}
    report.write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return report


def _shown(path: Path) -> Path:
    return path.relative_to(root()) if path.is_relative_to(root()) else path
