"""Make labs/ from solutions/: the learner's notebooks are the solved ones with the answers cut out.

A lab that the learner has changed is never overwritten. Each generated lab carries a fingerprint of its own cells, so
that a change can be told without asking git.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
import shutil
import time
from pathlib import Path
from typing import Any

import nbformat
from rich.console import Console

from coursegrade.lessons import notebooks
from coursekit.paths import build_dir, root

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
REGION = re.compile(rf"^([ \t]*){BEGIN}[ \t]*\n.*?^[ \t]*{END}[ \t]*$", re.MULTILINE | re.DOTALL)
STUB = "{0}# YOUR CODE HERE\n{0}raise NotImplementedError()"
ANSWER = "YOUR ANSWER HERE"


class SolutionError(Exception):
    """A notebook in solutions/ that no lab can be made from; the message says which cell and why."""


def generate(solution: Path) -> nbformat.NotebookNode:
    """Return the lab made from a solved notebook; SolutionError if its regions or metadata do not fit."""
    notebook = copy.deepcopy(notebooks.read(solution))
    for position, cell in enumerate(notebook.cells, start=1):
        answer = bool(cell.metadata.get("nbgrader", {}).get("solution"))
        cell.source, regions = _without_answers(cell.source, cell.cell_type)
        if answer and regions == 0:
            raise SolutionError(f"{solution.name}, cell {position}: an answer cell has no {BEGIN} … {END}")
        if (regions and not answer) or BEGIN in cell.source or END in cell.source:
            raise SolutionError(f"{solution.name}, cell {position}: a stray {BEGIN} or {END}")
    notebook.metadata["course"] = {"lab": _number(solution), "fingerprint": fingerprint(notebook)}
    return notebook


def _without_answers(source: str, cell_type: str) -> tuple[str, int]:
    if cell_type == "code":
        return REGION.subn(lambda match: STUB.format(match[1]), source)
    return REGION.subn(ANSWER, source)


def _number(path: Path) -> str:
    found = re.match(r"lab_(\d\d)_", path.name)
    if found is None:
        raise SolutionError(f"{path.name}: a lab's notebook is named lab_NN_topic.ipynb")
    return found[1]


def fingerprint(notebook: Any) -> str:
    """Return a hash of the cells' kinds and sources: running or re-saving a notebook leaves it as it is."""
    cells = [(cell["cell_type"], "".join(cell["source"]).rstrip()) for cell in notebook["cells"]]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()


def is_changed(lab: Path) -> bool:
    """Say whether a learner has changed this lab since it was made; a file that cannot be read counts as changed."""
    try:
        notebook = notebooks.read(lab)
        return bool(notebook.metadata["course"]["fingerprint"] != fingerprint(notebook))
    except (notebooks.NotANotebook, KeyError, TypeError):
        return True


def make(console: Console) -> int:
    """Write every lab from its solution; leave the learner's changed ones alone and say so (exit status 1)."""
    refused = 0
    for solution in notebooks.solutions(root()):
        target = root() / "labs" / solution.name
        fresh = generate(solution)
        if not target.exists():
            _write(target, fresh)
            console.print(f"{target.name}: made")
        elif is_changed(target):
            refused += 1
            console.print(
                f"{target.name}: you have changed it, so it was left alone. "
                f"`make reset LAB={_number(solution)}` keeps a copy and lays a fresh one."
            )
        elif fingerprint(fresh) != fingerprint(notebooks.read(target)):
            _write(target, fresh)
            console.print(f"{target.name}: brought up to date")
        else:
            console.print(f"{target.name}: up to date")
    return 1 if refused else 0


def compare(console: Console) -> int:
    """Say which labs do not agree with their solutions; the exit status is 1 if any does not."""
    wrong = []
    solutions = {path.name: path for path in notebooks.solutions(root())}
    present = {path.name for path in notebooks.labs(root())}
    for name, solution in solutions.items():
        if name not in present:
            wrong.append(f"labs/{name} is missing")
        elif (root() / "labs" / name).read_text(encoding="utf-8") != notebooks.text(generate(solution)):
            wrong.append(f"labs/{name} is not what solutions/{name} gives")
    wrong += [f"labs/{name} has no solutions/{name}" for name in sorted(present - set(solutions))]
    for line in wrong:
        console.print(line)
    console.print("Run `make labs` to bring labs/ up to date." if wrong else "labs/ and solutions/ agree.")
    return 1 if wrong else 0


def reset(number: str, console: Console) -> int:
    """Lay a fresh copy of one lab; a changed one is first kept in build/backup/."""
    solution = next((path for path in notebooks.solutions(root()) if _number(path) == number.zfill(2)), None)
    if solution is None:
        known = ", ".join(_number(path) for path in notebooks.solutions(root()))
        console.print(f"There is no lab {number}; there are {known}.")
        return 1
    target = root() / "labs" / solution.name
    if target.exists() and is_changed(target):
        kept = _backup(target)
        console.print(f"Your {target.name} is kept as {kept.relative_to(root())}.")
    _write(target, generate(solution))
    console.print(f"labs/{target.name} is fresh.")
    return 0


def _backup(lab: Path) -> Path:
    folder = build_dir() / "backup"
    folder.mkdir(exist_ok=True)
    stem = f"{lab.stem}.{time.strftime('%Y-%m-%d_%H.%M.%S')}"
    kept, count = folder / f"{stem}.ipynb", 1
    while kept.exists():
        count += 1
        kept = folder / f"{stem}_{count}.ipynb"
    shutil.copyfile(lab, kept)
    return kept


def _write(target: Path, notebook: nbformat.NotebookNode) -> None:
    target.parent.mkdir(exist_ok=True)
    notebooks.write(target, notebook)
