"""`course grade --submissions`: a whole class, several at a time, to the end whatever was handed in.

Each of the grading processes has a sandbox of its own. A submission's folder under OUT is written before its row is
reported, so a batch that was stopped goes on where it was. Called by `cli`.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from coursegrade.grading import gradebook, marking, submissions
from coursegrade.grading import private_checks as private
from coursegrade.grading.cluster import NoCluster, graded_on_cluster
from coursegrade.grading.gradebook import Row
from coursegrade.grading.grading_process import Order, finished_row, lost_row, work
from coursegrade.grading.grading_process import order as make_order
from coursegrade.grading.plain_text import clean
from coursegrade.grading.submissions import Found
from coursegrade.sandbox.sandbox import LADDER, OWN_RISK, SAFE, Rung, SandboxError, open_sandbox

PATIENCE = 1200.0  # seconds for one submission, well over the judge's own limits
ATTEMPTS = 2  # a grading process that is lost may have been the machine's fault
WRITE_EVERY = 5.0  # seconds between two versions of scores.csv
STOPPED = 130  # the exit status of a command ended by Ctrl-C


@dataclass
class Grader:
    """A grading process, and what it is at."""

    process: BaseProcess
    pipe: Connection
    at: Found | None = None
    since: float = 0.0


def grade_all(
    folder: Path,
    out: Path,
    jobs: int,
    trust_me: bool,
    console: Console,
    private_checks: Path | None = None,
    scheduler: str | None = None,
) -> int:
    """Grade every submission below `folder` into `out`; 0 when each has its row, whatever its score, 1 if it cannot.

    What was graded into `out` from elsewhere, another lab of the same class, say, keeps its rows. 130 after Ctrl-C.

    Without `trust_me` nothing runs unless a sandbox holds. `scheduler` is the address of a Dask cluster, whose workers
    then grade on the rung that holds here.
    """
    try:
        found = submissions.find(folder, out)
        if private_checks is not None:
            private.load(private_checks)
        if not found:
            said = f"{folder} holds no STUDENT/LAB.ipynb, submitted/STUDENT/LAB/LAB.ipynb or STUDENT_lab_NN_LAB.ipynb."
            console.print(escape(clean(said)))
            return 1
        rung = _holding_rung(LADDER if trust_me else SAFE)
        out.mkdir(parents=True, exist_ok=True)
        order = make_order(rung, _key(out), out, private_checks)
    except (OSError, private.NotChecks, SandboxError) as problem:
        console.print(f"Nothing was graded: {escape(clean(str(problem)))}")
        if isinstance(problem, SandboxError):
            console.print(OWN_RISK)
        return 1
    rows = {each: row for each in found if (row := finished_row(each, order)) is not None}
    if rows:
        console.print(f"{len(rows)} of {len(found)} were graded before and are kept.")
    left = [each for each in found if each not in rows]
    graded = graded_on_cluster(left, order, scheduler) if scheduler else _graded(left, order, jobs)
    try:
        _collect(graded, rows, found, out, console)
    except NoCluster as problem:
        console.print(f"Nothing was graded: {escape(str(problem))}")
        return 1
    except KeyboardInterrupt:
        console.print(f"Stopped: {len(rows)} of {len(found)} are graded. The same command goes on from here.")
        return STOPPED
    marking.export(out)
    _say(rows, rung, out, console)
    return 0


def _collect(
    graded: Iterator[tuple[Found, Row]], rows: dict[Found, Row], found: list[Found], out: Path, console: Console
) -> None:
    """Add to `rows` as they come, under a progress bar, and keep scores.csv up to date."""
    ours = {out / each.student / each.name for each in found}
    others = [Row(**report["row"]) for path, report in gradebook.reports(out) if path.parent not in ours]
    began = written = time.monotonic()
    try:
        with _progress(console) as bar:
            task = bar.add_task("Grading", total=len(found), completed=len(rows), rate="")
            for fresh, (each, row) in enumerate(graded, start=1):
                rows[each] = row
                minutes = (time.monotonic() - began) / 60
                bar.update(task, completed=len(rows), rate=f"{fresh / minutes:.0f} a minute")
                if time.monotonic() - written > WRITE_EVERY:
                    gradebook.write(out / "scores.csv", [*others, *rows.values()])
                    written = time.monotonic()
    finally:
        gradebook.write(out / "scores.csv", [*others, *rows.values()])


def _holding_rung(allowed: tuple[Rung, ...]) -> Rung:
    with open_sandbox(allowed, warm=False) as sandbox:
        return sandbox.rung


def _key(out: Path) -> str:
    """Return the batch's key, as hexadecimal digits: made once, kept with the batch for its owner's eyes."""
    file = out / "batch.json"
    try:
        return bytes.fromhex(json.loads(file.read_text(encoding="utf-8"))["seed"]).hex()
    except (OSError, ValueError, KeyError, TypeError):
        key = secrets.token_hex(16)
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
        json.dump({"seed": key}, opened)
    return key


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    return Progress(*columns, TimeRemainingColumn(), console=console)


def _graded(found: list[Found], order: Order, jobs: int) -> Iterator[tuple[Found, Row]]:
    """Have every submission graded; yield each with its row, in the order in which they are done."""
    waiting = deque(found)
    attempts: dict[Found, int] = {}
    graders = [_start(order) for _ in range(min(jobs, len(found)))]
    try:
        while waiting or any(grader.at for grader in graders):
            for grader in graders:
                if grader.at is None and waiting:
                    _hand_over(grader, waiting.popleft(), attempts)
            connection.wait([grader.pipe for grader in graders], timeout=1.0)
            for index, grader in enumerate(graders):
                row, lost = _news(grader)
                if row is None and not lost:
                    continue
                each, grader.at = grader.at, None
                if lost:
                    graders[index] = _start(order)
                if each is None:
                    continue
                if row is not None:
                    yield each, row
                elif attempts[each] < ATTEMPTS:
                    waiting.append(each)
                else:
                    yield each, lost_row(each, order, "the grading process was lost while it graded this, twice")
    finally:
        for grader in graders:
            _tell_to_end(grader)
        for grader in graders:
            _stop(grader)


def _start(order: Order) -> Grader:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs, order), daemon=False)
    process.start()
    theirs.close()
    return Grader(process, ours)


def _hand_over(grader: Grader, each: Found, attempts: dict[Found, int]) -> None:
    attempts[each] = attempts.get(each, 0) + 1
    grader.at, grader.since = each, time.monotonic()
    try:
        grader.pipe.send(each)
    except OSError:
        grader.since = float("-inf")  # it is gone; _news says so


def _news(grader: Grader) -> tuple[Row | None, bool]:
    """Return a row if there is one, and whether the process is lost."""
    try:
        if grader.pipe.poll():
            answer: dict[str, Any] = grader.pipe.recv()
            return Row(**answer), False
    except (EOFError, OSError):
        _stop(grader)
        return None, True
    if grader.at is not None and time.monotonic() - grader.since > PATIENCE:
        _stop(grader)
        return None, True
    return None, False


def _tell_to_end(grader: Grader) -> None:
    """Close the pipe, at which a grading process ends; at once if it is still at work."""
    grader.pipe.close()
    if grader.at is not None:
        grader.process.terminate()


def _stop(grader: Grader) -> None:
    """Have a grading process end, by force if it does not."""
    _tell_to_end(grader)
    grader.process.join(30)
    if grader.process.is_alive():
        grader.process.kill()
        grader.process.join()


def _say(rows: dict[Found, Row], rung: Rung, out: Path, console: Console) -> None:
    counts = {status: sum(row.status == status for row in rows.values()) for status in ("ok", "partial", "rejected")}
    errors = len(rows) - sum(counts.values())
    console.print(
        f"{len(rows)} submissions: {counts['ok']} graded, {counts['partial']} in part, {counts['rejected']} rejected"
        + (f", [red]{errors} not graded through our fault[/]" if errors else "")
        + f". Sandbox: {rung}."
    )
    for each, row in rows.items():
        if row.status in ("rejected", "error"):
            console.print(f"  {escape(row.id)}, {escape(clean(each.path.name))}: {escape(row.reason)}")
    console.print(f"[dim]Scores: {escape(str(out / 'scores.csv'))}; each student's feedback lies beside it.[/]")
