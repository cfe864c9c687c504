"""`course grade` and `course regrade`: grade notebooks, show the result as tables, write build/grade/report.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from coursegrade.grading import private_checks as private
from coursegrade.grading import report
from coursegrade.grading.judge import LabResult, Limits, judge, read_lab
from coursegrade.grading.plain_text import clean
from coursegrade.grading.reader import Unreadable
from coursegrade.sandbox.sandbox import LADDER, OWN_RISK, SAFE, Sandbox, SandboxError, open_sandbox
from coursekit import progress
from coursekit.checks import Lab, all_labs
from coursekit.paths import build_dir, root

MARKS = {"passed": "[green]✓[/]", "failed": "[red]✗[/]", "not attempted": "[dim]·[/]"}
UNSAFE = (
    "No sandbox holds on this machine, so your notebooks ran with all your rights, as they do in JupyterLab. "
    "On Debian, Ubuntu and WSL2 this installs one: sudo apt-get install bubblewrap"
)


@dataclass(frozen=True)
class Terms:
    """How notebooks are graded; as they stand, a learner's own with fresh inputs.

    `key` makes the tasks' random inputs those of an earlier run, whose report names it as its seed. `private` holds an
    instructor's own checks by lab. Without `sandbox` it is the best for one's own work.
    """

    limits: Limits | None = None
    key: bytes | None = None
    sandbox: Sandbox | None = None
    private: Mapping[str, Lab] = field(default_factory=dict)


def grade(paths: list[Path], lab: str | None, console: Console, terms: Terms | None = None) -> int:
    """Grade the notebooks at `paths`, or the learner's own labs (only `lab`, if given); return the exit status.

    0 if every notebook could be graded, whatever its score; 1 if one could not be read. The report says which.
    """
    several = len(paths) > 1  # of any names, and perhaps of one lab
    if not paths:
        begins = "lab_" if lab is None else f"lab_{lab.zfill(2)}_"
        paths = [path for path in sorted((root() / "labs").glob("*.ipynb")) if path.name.startswith(begins)]
        if not paths:
            known = ", ".join(all_labs())
            said = "labs/ holds no lab." if lab is None else f"There is no lab {lab} in labs/; there are {known}."
            console.print(escape(said))
            return 1
    entries, unreadable = [], 0
    for path in paths:
        with console.status(f"Grading {escape(clean(path.name))} …"):
            if several:
                console.print(f"[dim]{escape(clean(str(path)))}[/]")
            entry = _grade_one(path, console, terms or Terms())
        entries.append(entry)
        unreadable += "problem" in entry
    file = build_dir() / "grade" / "report.json"
    file.parent.mkdir(exist_ok=True)
    report.write(file, entries)
    score, most = sum(entry["score"] for entry in entries), sum(entry["max"] for entry in entries)
    if len(entries) > 1:
        console.print(f"[bold]All together: {score} of {most} points.[/]")
    if unreadable:
        console.print(f"[red]{unreadable} of {len(entries)} notebooks could not be graded; see above.[/]")
    if any(entry.get("sandbox") == "none" for entry in entries):
        console.print(f"[yellow]{UNSAFE}[/]")
    console.print(f"[dim]Report: {escape(str(_shown(file)))}[/]")
    return 1 if unreadable else 0


def regrade(notebook: Path, key: bytes, console: Console, private_checks: Path | None, trust_me: bool) -> int:
    """Grade one notebook again with the inputs that `key` gave, and the same private checks; return the exit status.

    Whoever hears an appeal runs somebody else's code: without `trust_me` nothing runs unless a sandbox holds.
    """
    try:
        added = private.load(private_checks) if private_checks is not None else {}
        with open_sandbox(LADDER if trust_me else SAFE) as sandbox:
            return grade([notebook], None, console, Terms(key=key, sandbox=sandbox, private=added))
    except (private.NotChecks, SandboxError) as problem:
        console.print(f"Nothing was graded: {escape(str(problem))}")
        if isinstance(problem, SandboxError):
            console.print(OWN_RISK)
        return 1


def _grade_one(path: Path, console: Console, terms: Terms) -> dict[str, Any]:
    try:
        submission = read_lab(path)
    except Unreadable as problem:
        console.print(f"[red]✗[/] {escape(clean(str(problem)))}\n")
        return report.rejected(path, str(problem))
    try:
        result = judge(submission, terms.limits, terms.sandbox, terms.key, terms.private.get(submission.lab))
    except SandboxError as problem:
        said = f"{path.name} could not be graded: {problem}"
        console.print(f"[red]✗[/] {escape(clean(said))}\n")
        return report.rejected(path, said)
    show(result, console)
    if path.resolve().parent == root() / "labs":
        for outcome in result.outcomes:
            progress.record(outcome)
    return report.entry(result)


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
            MARKS[outcome.state], f"{outcome.task.number} {outcome.task.title}", points, escape(report.reason(outcome))
        )
    table.add_row(
        "", f"{report.explain_number(result)} Explain it", f"– / {result.lab.explain_points}", "marked by a person"
    )
    console.print(table)
    for remark in result.remarks:
        console.print(f"[yellow]{escape(remark)}[/]")
    console.print()


def _shown(path: Path) -> Path:
    return path.relative_to(root()) if path.is_relative_to(root()) else path
