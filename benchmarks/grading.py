"""Times the grader: beside nbgrader on the same notebook of three questions, on a torch lab, on all labs, on a class.

    python benchmarks/grading.py                          all but the class; with nbgrader about seven minutes
    python benchmarks/grading.py --nbgrader PYTHON        with an nbgrader that lives in another environment
    python benchmarks/grading.py --class-of 1000          1,000 submissions of lab 03, with the memory they needed
    python benchmarks/grading.py --class-of 1000 --keep DIR --minutes 12
                                                          the same in parts: stops after 12 minutes, goes on next time

Prints one table; how far it is goes to stderr. Wall-clock times of whole commands, start of Python included; both
graders one submission at a time unless it says otherwise. nbgrader's row wants `pip install '.[nbgrader]'`.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from coursekit.paths import build_dir, root

QUESTIONS = ("1.1", "1.2", "1.3")
SMALL, TORCH = 30, 12  # submissions; starting takes this grader several seconds, however many there are
SAY_EVERY = 15.0  # seconds between two words on how far a run is


def three_questions() -> dict[str, Any]:
    """Return the solved lab 01 with its first three questions only."""
    solved = root() / "solutions" / "lab_01_tensors.ipynb"
    notebook: dict[str, Any] = json.loads(solved.read_text(encoding="utf-8"))

    def wanted(cell: dict[str, Any]) -> bool:
        facts = cell["metadata"].get("course", {})
        return not facts or facts.get("task", facts.get("check")) in QUESTIONS

    notebook["cells"] = [cell for cell in notebook["cells"] if wanted(cell)]
    return notebook


def hand_in(top: Path, lab: str, notebook: dict[str, Any], count: int) -> None:
    """Write `count` copies, each of other bytes, in nbgrader's layout, which both graders read."""
    for number in range(count):
        place = top / "submitted" / f"s{number:04}" / lab
        place.mkdir(parents=True)
        document = json.loads(json.dumps(notebook))
        document["cells"][0]["source"] = f"Student {number}"
        (place / f"{lab}.ipynb").write_text(json.dumps(document), encoding="utf-8")


@dataclass
class Measured:
    """A run of the grader: `done` submissions in `seconds`, all its processes together holding `most` bytes at once."""

    done: int
    seconds: float
    most: float = 0.0


def ours(top: Path, jobs: int, minutes: float = math.inf) -> Measured:
    """Grade what lies below `top` and is not graded yet, for so many minutes at most."""
    out = top / "out"
    graded = len(list(out.glob("*/*/report.json")))
    command = [sys.executable, "-m", "coursegrade", "grade", "--submissions", str(top), "--out", str(out)]
    began, said = time.perf_counter(), 0.0
    run = Measured(0, 0.0)
    with subprocess.Popen([*command, "--jobs", str(jobs)], stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            run.most = max(run.most, memory(process.pid))
            run.seconds = time.perf_counter() - began
            if run.seconds - said >= SAY_EVERY:
                said = run.seconds
                run.done = len(list(out.glob("*/*/report.json"))) - graded
                say(f"{graded + run.done:,} graded, {60 * run.done / said:.1f} a minute, {run.most / 2**20:,.0f} MiB")
            if run.seconds > 60 * minutes:
                process.kill()  # its grading processes end when their pipe closes, as after any crash
                process.wait()
                run.done = len(list(out.glob("*/*/report.json"))) - graded
                return run
            time.sleep(0.5)
    run.seconds = time.perf_counter() - began
    with (out / "scores.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    ends = {(row["status"], row["score"]) for row in rows}  # all were handed the same answers, which are right
    if process.returncode != 0 or len(ends) != 1 or not ends <= {("ok", str(score)) for score in range(1, 100)}:
        raise SystemExit(f"the grader ended with {process.returncode}, its rows with {sorted(ends)}")
    run.done = len(rows) - graded
    return run


def say(what: str) -> None:
    """Tell whoever waits."""
    print(what, file=sys.stderr, flush=True)


def all_labs() -> Measured:
    """Grade every solved lab as `make grade` grades a learner's own."""
    solved = sorted((root() / "solutions").glob("lab_*.ipynb"))
    began = time.perf_counter()
    command = [sys.executable, "-m", "coursegrade", "grade", *map(str, solved)]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    seconds = time.perf_counter() - began
    report = json.loads((build_dir() / "grade" / "report.json").read_text(encoding="utf-8"))
    if report["score"] != report["max"]:
        raise SystemExit(f"the solved labs scored {report['score']} of {report['max']} points")
    return Measured(len(solved), seconds)


def class_in_parts(count: int, folder: Path, minutes: float) -> Measured:
    """Grade a class of `count` in `folder`, going on where an earlier call stopped; return all calls' time together."""
    big, notes = folder / f"class-of-{count}", folder / f"class-of-{count}.json"
    if not notes.exists():
        hand_in(big, "lab_03_training_loop", lab_03(), count)
        notes.write_text(json.dumps([0, 0.0, 0.0]))
    before = Measured(*json.loads(notes.read_text()))
    now = ours(big, 2, minutes)
    together = Measured(before.done + now.done, before.seconds + now.seconds, max(before.most, now.most))
    notes.write_text(json.dumps([together.done, together.seconds, together.most]))
    if together.done < count:
        say(f"{together.done:,} of {count:,}: give the same command again to go on")
    return together


def memory(process: int) -> float:
    """Return the proportional set size of a process and all below it, in bytes."""
    total = 0.0
    try:
        top = psutil.Process(process)
        for each in (top, *top.children(recursive=True)):
            try:
                total += each.memory_full_info().pss
            except psutil.Error:
                continue
    except psutil.Error:
        pass
    return total


def theirs(top: Path, lab: str, notebook: dict[str, Any], python: str) -> float:
    """Autograde the same submissions with nbgrader; return the seconds of `nbgrader autograde`."""
    (top / "source" / lab).mkdir(parents=True)
    (top / "source" / lab / f"{lab}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    (top / "nbgrader_config.py").write_text(f"c = get_config()\nc.CourseDirectory.root = {str(top)!r}\n")
    path = f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "COURSE_ROOT": str(root()), "PATH": path}
    for step in ("generate_assignment", "autograde"):
        began = time.perf_counter()
        command = [python, "-m", "nbgrader", step, lab]
        done = subprocess.run(command, cwd=top, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"nbgrader {step} failed:\n{done.stderr[-2000:]}")
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nbgrader", metavar="PYTHON", help="the Python that has nbgrader")
    parser.add_argument("--class-of", type=int, metavar="N", help="grade N submissions of lab 03, two at a time")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the class here, to go on in a later call")
    parser.add_argument("--minutes", type=float, default=math.inf, metavar="M", help="stop grading the class after M")
    chosen = parser.parse_args()
    table = Table("what", "submissions", "seconds", "each", "a minute", "memory", title="Grading")
    with tempfile.TemporaryDirectory(prefix="benchmark-grading-") as place:
        if chosen.class_of:
            folder = chosen.keep or Path(place)
            folder.mkdir(parents=True, exist_ok=True)
            run = class_in_parts(chosen.class_of, folder.resolve(), chosen.minutes)
            row(table, f"lab 03, {chosen.class_of:,} handed in, two at a time", run)
        else:
            small, torch = Path(place) / "small", Path(place) / "torch"
            notebook = three_questions()
            hand_in(small, "lab_01_tensors", notebook, SMALL)
            here = ours(small, 1)
            row(table, "three questions, this grader", here)
            python = chosen.nbgrader or (sys.executable if importlib.util.find_spec("nbgrader") else None)
            if python:
                there = theirs(small, "lab_01_tensors", notebook, python)
                row(table, "three questions, nbgrader autograde", Measured(SMALL, there))
                table.add_row("this grader is faster by", "", "", "", f"{there / here.seconds:.1f} times", "")
            hand_in(torch, "lab_03_training_loop", lab_03(), TORCH)
            row(table, "lab 03 (torch: trains two nets), this grader", ours(torch, 1))
            shutil.rmtree(torch / "out")
            row(table, "the same, two at a time", ours(torch, 2))
            row(table, "every lab once, as `make grade`", all_labs())
    Console(width=120).print(table)


def lab_03() -> dict[str, Any]:
    """Return the solved lab 03."""
    path = root() / "solutions" / "lab_03_training_loop.ipynb"
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def row(table: Table, what: str, run: Measured) -> None:
    """Add a measurement to the table, and say at once that it is there."""
    say(f"{what}: {run.done:,} submissions in {run.seconds:.1f} s")
    held = f"{run.most / 2**20:,.0f} MiB" if run.most else ""
    each = f"{run.seconds / run.done:.2f} s" if run.done else ""
    rate = f"{60 * run.done / run.seconds:.0f}" if run.seconds else ""
    table.add_row(what, f"{run.done:,}", f"{run.seconds:.1f}", each, rate, held)


if __name__ == "__main__":
    main()
