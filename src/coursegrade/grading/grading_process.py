"""One of a batch's grading processes: takes submissions from a pipe, grades each in its own sandbox, writes its folder.

`batch` starts it; a process of its own, so that the checks of several submissions run at the same time.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from dataclasses import asdict, dataclass, field
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from coursegrade.grading import feedback, report
from coursegrade.grading import private_checks as private
from coursegrade.grading.gradebook import Row, Status
from coursegrade.grading.judge import Limits, judge, read_lab
from coursegrade.grading.plain_text import clean
from coursegrade.grading.reader import Unreadable, read
from coursegrade.grading.submissions import Found
from coursegrade.sandbox.sandbox import Rung, Sandbox, SandboxError
from coursekit.checks import Lab


@dataclass(frozen=True)
class Order:
    """What all submissions of a batch have in common."""

    rung: Rung
    key: str  # hexadecimal digits
    out: str
    private_checks: str = ""  # an instructor's folder
    version: str = field(default_factory=report.grader_version)


def order(rung: Rung, key: str, out: Path, private_checks: Path | None) -> Order:
    """Return the order of a batch; its version names the private checks, so that what changes with them is redone."""
    if private_checks is None:
        return Order(rung, key, str(out.resolve()))
    version = f"{report.grader_version()}+private.{private.version(private_checks)}"
    return Order(rung, key, str(out.resolve()), str(private_checks.resolve()), version)


@cache
def _private(folder: str) -> dict[str, Lab]:
    return private.load(Path(folder)) if folder else {}


def work(pipe: Connection, order: Order) -> None:
    """Grade what comes through the pipe until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the batch closes the pipe
    signal.signal(signal.SIGTERM, _leave)
    sandbox = LazySandbox(order.rung)
    try:
        while True:
            try:
                found = pipe.recv()
            except EOFError:
                return
            try:
                row = grade_one(found, order, sandbox)
            except (SandboxError, OSError) as problem:
                row = lost_row(found, order, str(problem))
                sandbox.close()
            pipe.send(asdict(row))
    finally:
        sandbox.close()


class LazySandbox:
    """A sandbox that starts when the first notebook needs it, and again after it was closed."""

    def __init__(self, rung: Rung) -> None:
        self.rung = rung
        self.started: Sandbox | None = None

    def get(self) -> Sandbox:
        """Return it, started."""
        if self.started is None:
            self.started = Sandbox(self.rung)
        return self.started

    def close(self) -> None:
        """End it if it was started."""
        if self.started is not None:
            self.started.close()
            self.started = None


def _leave(*_: object) -> None:
    raise SystemExit(1)


def grade_one(found: Found, order: Order, sandbox: LazySandbox, limits: Limits | None = None) -> Row:
    """Grade one submission and write its folder; SandboxError if the sandbox breaks down."""
    try:
        submission = read_lab(found.path)
    except Unreadable as problem:
        said = str(problem)
        if found.path.suffix.lower() == ".zip":
            said = f"{found.path.name} is an archive; hand in the notebook itself."
        if not os.path.lexists(found.path) and found.name == "nothing":
            said = "Nothing was handed in."
        entry = report.rejected(found.path, said)
        return _kept(found, order, entry, _row(found, order, "rejected", said), "")
    added = _private(order.private_checks).get(submission.lab)
    result = judge(submission, limits, sandbox.get(), bytes.fromhex(order.key), added)
    said = f"{result.unasked} of {len(result.outcomes)} tasks could not be asked" if result.unasked else ""
    row = _row(found, order, "partial" if result.unasked else "ok", said)
    facts: dict[str, Any] = {
        "lab": result.lab.number, "sha256": submission.sha256, "score": result.score, "max": result.lab.points,
        "seconds": result.seconds,
    }  # fmt: skip
    return _kept(found, order, report.entry(result), Row(**{**asdict(row), **facts}), result.log)


def lost_row(found: Found, order: Order, problem: str) -> Row:
    """Return the row of a submission that could not be graded through no fault of its own, and note it."""
    row = _row(found, order, "error", problem)
    with contextlib.suppress(OSError):  # a full disk, say, may be the very problem
        _kept(found, order, report.rejected(found.path, problem), row, "")
    return row


def _row(found: Found, order: Order, status: Status, reason: str) -> Row:
    student, name = clean(found.student), clean(found.name)
    return Row(student, name, "", 0, 0, status, clean(reason), 0.0, order.rung, order.version, order.key)


def _kept(found: Found, order: Order, entry: dict[str, Any], row: Row, log: str) -> Row:
    folder = Path(order.out) / found.student / found.name
    folder.mkdir(parents=True, exist_ok=True)
    report.write_whole(folder / "feedback.html", feedback.page(row.id, entry, log))
    summary = {"schema": report.SCHEMA, "score": row.score, "max": row.max, "labs": [entry], "row": asdict(row)}
    summary["log"] = log
    report.write_whole(folder / "report.json", json.dumps(summary, indent=1, ensure_ascii=False) + "\n")
    return row


def finished_row(found: Found, order: Order) -> Row | None:
    """Return the row of a submission that this batch has graded before, unless it or the grader has changed since."""
    file = Path(order.out) / found.student / found.name / "report.json"
    try:
        row = Row(**json.loads(file.read_text(encoding="utf-8"))["row"])
        same = row.sha256 == read(found.path).sha256
    except (OSError, ValueError, KeyError, TypeError, Unreadable):
        return None
    current = (order.key, order.version, order.rung)
    done = row.status in ("ok", "partial") and (row.seed, row.grader_version, row.sandbox) == current
    return row if same and done else None
