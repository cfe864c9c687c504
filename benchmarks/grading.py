"""Times the grader: beside nbgrader on the same notebook of three questions, on a torch lab, and on a large class.

    python benchmarks/grading.py                          the first two
    python benchmarks/grading.py --nbgrader PYTHON        with an nbgrader that lives in another environment
    python benchmarks/grading.py --class-of 1000          1,000 submissions of lab 03, with the memory they needed

Prints one table. Wall-clock times of whole commands, start of Python included; both graders one submission at a time
unless it says otherwise. nbgrader's row wants `pip install '.[nbgrader]'`.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from coursekit.paths import root

QUESTIONS = ("1.1", "1.2", "1.3")
SMALL, TORCH = 8, 4  # submissions


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


def ours(top: Path, jobs: int) -> tuple[float, float]:
    """Grade what lies below `top`; return the seconds and the largest memory of all processes together, in bytes."""
    out = top / "out"
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "coursegrade", "grade", "--submissions", str(top), "--out", str(out)]
    began, most = time.perf_counter(), 0.0
    with subprocess.Popen([*command, "--jobs", str(jobs)], stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            most = max(most, memory(process.pid))
            time.sleep(0.5)
    seconds = time.perf_counter() - began
    with (out / "scores.csv").open(encoding="utf-8", newline="") as file:
        statuses = {row["status"] for row in csv.DictReader(file)}
    if process.returncode != 0 or statuses != {"ok"}:
        raise SystemExit(f"the grader ended with {process.returncode}, its rows with {statuses}")
    return seconds, most


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
    chosen = parser.parse_args()
    table = Table("what", "submissions", "seconds", "each", "a minute", "memory", title="Grading")
    with tempfile.TemporaryDirectory(prefix="benchmark-grading-") as place:
        if chosen.class_of:
            big = Path(place) / "class"
            hand_in(big, "lab_03_training_loop", lab_03(), chosen.class_of)
            row(table, "lab 03, this grader, two at a time", chosen.class_of, *ours(big, 2))
        else:
            small, torch = Path(place) / "small", Path(place) / "torch"
            notebook = three_questions()
            hand_in(small, "lab_01_tensors", notebook, SMALL)
            here, most = ours(small, 1)
            row(table, "three questions, this grader", SMALL, here, most)
            python = chosen.nbgrader or (sys.executable if importlib.util.find_spec("nbgrader") else None)
            if python:
                there = theirs(small, "lab_01_tensors", notebook, python)
                row(table, "three questions, nbgrader autograde", SMALL, there)
                table.add_row("this grader is faster by", "", "", "", f"{there / here:.1f} times", "")
            hand_in(torch, "lab_03_training_loop", lab_03(), TORCH)
            row(table, "lab 03 (torch: trains two nets), this grader", TORCH, *ours(torch, 1))
            row(table, "the same, two at a time", TORCH, *ours(torch, 2))
    Console(width=120).print(table)


def lab_03() -> dict[str, Any]:
    """Return the solved lab 03."""
    path = root() / "solutions" / "lab_03_training_loop.ipynb"
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def row(table: Table, what: str, count: int, seconds: float, most: float = 0.0) -> None:
    """Add a measurement to the table, and say at once that it is there."""
    print(f"{what}: {count} submissions in {seconds:.1f} s", file=sys.stderr, flush=True)
    held = f"{most / 2**20:,.0f} MiB" if most else ""
    table.add_row(what, f"{count:,}", f"{seconds:.1f}", f"{seconds / count:.2f} s", f"{60 * count / seconds:.0f}", held)


if __name__ == "__main__":
    main()
