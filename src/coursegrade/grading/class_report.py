"""`course report`: a graded class on one page: distribution, tasks by students, wrong answers, copies, times.

Reads the report.json files that `batch` wrote below a folder and writes class.html there: one file that loads nothing,
to be shown on a projector (`--no-names` puts numbers in the names' place).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median
from typing import Any

from rich.console import Console
from rich.markup import escape

from coursegrade.grading import fingerprint, gradebook
from coursegrade.grading.reader import Unreadable, read
from coursegrade.grading.report import write_whole
from coursegrade.page_templates import page
from coursekit.paths import root

MOST_WRONG = 12  # wrong answers listed for a lab
LETTERS = {"passed": "✓", "failed": "✗", "not attempted": "·"}
WIDTH = 1100.0  # of a lab's map, in its own units
LABELLED = 45  # students whose names still fit


@dataclass
class TaskFacts:
    """What became of one task in the class; seconds are what the grader needed for it."""

    number: str
    title: str
    points: int
    states: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)

    @property
    def median_seconds(self) -> float:
        """Return the middle of the times."""
        return median(self.seconds) if self.seconds else 0.0


@dataclass
class WrongAnswer:
    """A mistake that was made `count` times: the hint that it was answered with, and one student's case of it."""

    task: str
    hint: str
    example: str
    count: int


@dataclass
class LabFacts:
    """One lab of the class, with each graded submission as (name, entry of its report), best score first."""

    number: str
    title: str
    points: int
    students: list[tuple[str, dict[str, Any]]]
    tasks: list[TaskFacts]
    wrong: list[WrongAnswer]
    copies: list[list[str]]
    like_the_solution: list[str]

    @property
    def scores(self) -> list[int]:
        """Return everybody's score, best first."""
        return [entry["score"] for _, entry in self.students]

    @property
    def bars(self) -> list[tuple[int, int]]:
        """Return (score, how many had it) for each score from 0 to full marks."""
        counts = Counter(self.scores)
        return [(score, counts[score]) for score in range(self.points + 1)]


def write(folder: Path, names: bool, console: Console) -> int:
    """Write class.html into `folder`, where `course grade --submissions` left its reports; return the exit status."""
    reports = [report for _, report in gradebook.reports(folder)]
    if not reports:
        console.print(f"{escape(str(folder))} holds no graded submissions; `course grade --submissions` makes them.")
        return 1
    students = list(dict.fromkeys(report["row"]["id"] for report in reports))
    known = {name: name if names else f"student {number}" for number, name in enumerate(students, start=1)}
    graded: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    refused = []
    for report in reports:
        entry, name = report["labs"][0], known[report["row"]["id"]]
        if entry.get("lab") is None:
            file, problem = entry.get("file", ""), entry.get("problem", "")
            # a file's name often is its owner's
            refused.append((name, file, problem) if names else (name, "", problem.replace(file, "the file")))
        else:
            graded[entry["lab"]].append((name, entry))
    labs = [_lab(number, entries) for number, entries in sorted(graded.items())]
    text = page(
        "class.html.j2", labs=labs, refused=refused, students=len(students), letters=LETTERS, width=WIDTH,
        labelled=LABELLED, median=median, mean=mean,
    )  # fmt: skip
    file = folder / "class.html"
    write_whole(file, text)
    console.print(f"{len(reports)} submissions of {len(students)} students: {escape(str(file))}")
    return 0


def _lab(number: str, entries: list[tuple[str, dict[str, Any]]]) -> LabFacts:
    entries.sort(key=lambda each: (-each[1]["score"], each[0]))
    tasks: dict[str, TaskFacts] = {}
    wrong: dict[tuple[str, str], list[str]] = defaultdict(list)
    alike: dict[str, list[str]] = defaultdict(list)
    for name, entry in entries:
        for task in entry["tasks"]:
            facts = tasks.setdefault(task["task"], TaskFacts(task["task"], task["title"], task["max"]))
            facts.states[task["state"]] += 1
            facts.seconds.append(task["seconds"])
            if task["state"] == "failed":
                wrong[task["task"], task["hint"] or _beginning(task["what"])].append(task["what"])
        if entry.get("fingerprint"):
            alike[entry["fingerprint"]].append(name)
    listed = [WrongAnswer(task, hint, said[0], len(said)) for (task, hint), said in wrong.items()]
    listed.sort(key=lambda each: (-each.count, each.task))
    solved, empty = (_fingerprint(folder, number) for folder in ("solutions", "labs"))
    copies = [names for mark, names in alike.items() if len(names) > 1 and mark not in (solved, empty)]
    first = entries[0][1]
    return LabFacts(
        number, first["title"], first["max"], entries, list(tasks.values()), listed[:MOST_WRONG],
        sorted(copies, key=len, reverse=True), alike.get(solved, []),
    )  # fmt: skip


def _beginning(what: str) -> str:
    """Return what failures without a hint have in common: their first words, without their numbers."""
    return what.partition(":")[0][:80]


def _fingerprint(folder: str, number: str) -> str:
    for path in (root() / folder).glob(f"lab_{number}_*.ipynb"):
        try:
            return fingerprint.of(read(path).cells)
        except Unreadable:
            continue
    return ""
