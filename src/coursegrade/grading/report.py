"""What a graded submission looks like as data: the entries of report.json. The README's grader section documents them.

Used by `grade` (one's own labs) and `batch` (a class's submissions).
"""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from coursegrade.grading import fingerprint
from coursegrade.grading.judge import LabResult
from coursegrade.grading.plain_text import clean
from coursegrade.grading.private_checks import concealed
from coursegrade.lessons.labs import ANSWER
from coursekit.checks import Outcome

SCHEMA = 1  # goes up when a key changes its meaning or goes away; new keys may come without


def grader_version() -> str:
    """Return the version of the installed course."""
    try:
        return version("from-tensors-to-tensorrt")
    except PackageNotFoundError:
        return "unknown"


def reason(outcome: Outcome) -> str:
    """Return why a task earned what it did, in words for its owner; "" if it passed."""
    if outcome.state == "not attempted":
        return "not yet attempted"
    if outcome.state == "passed":
        return ""
    return f"{outcome.what}." + (f" Hint: {outcome.hint}" if outcome.hint else "")


def explain_number(result: LabResult) -> str:
    """Return the number of the lab's "Explain it", such as "3.E"."""
    return f"{int(result.lab.number)}.E"


def entry(result: LabResult) -> dict[str, Any]:
    """Return the entry of one graded submission."""
    times = [*result.task_seconds, *([0.0] * len(result.outcomes))]
    return {
        "lab": result.lab.number,
        "title": result.lab.title,
        "file": clean(result.submission.path.name),
        "sha256": result.submission.sha256,
        "score": result.score,
        "max": result.lab.points,
        "seconds": result.seconds,
        "sandbox": result.sandbox,
        "seed": result.seed,
        "grader_version": grader_version(),
        "tasks": [
            {
                "task": outcome.task.number,
                "title": outcome.task.title,
                "points": outcome.earned,
                "max": outcome.task.points,
                "state": outcome.state,
                "reason": reason(outcome),
                "what": outcome.what,
                "hint": outcome.hint,
                "evidence": outcome.task.evidence,
                "self_reported": outcome.task.self_reported,
                "seconds": seconds,
                "private": outcome.task.number in result.private,
            }
            for outcome, seconds in zip(_shown(result), times, strict=False)
        ],
        "by_a_person": [
            {
                "task": explain_number(result),
                "max": result.lab.explain_points,
                "answer": _in_words(result),
                "points": None,  # until `course merge`
                "comment": "",
            }
        ],
        "fingerprint": fingerprint.of(result.submission.cells),
        "remarks": list(result.remarks),
    }


def _shown(result: LabResult) -> list[Outcome]:
    """Return the outcomes as their owner may see them."""
    return [concealed(each) if each.task.number in result.private else each for each in result.outcomes]


def _in_words(result: LabResult) -> str:
    """Return what the student wrote for a person to mark; "" if nothing."""
    text = dict(result.submission.words).get(explain_number(result), "").replace(ANSWER, "").strip()
    return "\n".join(clean(line) for line in text.splitlines())


def rejected(path: Path, problem: str) -> dict[str, Any]:
    """Return the entry of a submission that could not be read; it says why."""
    problem = clean(problem)
    return {"lab": None, "file": clean(path.name), "score": 0, "max": 0, "tasks": [], "problem": problem}


def write(file: Path, entries: list[dict[str, Any]]) -> None:
    """Write entries and their sums as report.json, whole or not at all."""
    summary = {
        "schema": SCHEMA,
        "score": sum(each["score"] for each in entries),
        "max": sum(each["max"] for each in entries),
        "labs": entries,
    }
    write_whole(file, json.dumps(summary, indent=1, ensure_ascii=False) + "\n")


def write_whole(file: Path, text: str) -> None:
    """Write a file so that nobody ever sees half of it."""
    unfinished = file.with_name(f".{file.name}.unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(file)
