"""An instructor's own checks beside the published ones: `course grade --submissions … --private-checks DIR`.

DIR holds modules written like those of coursekit.labs: `lab_03_mine.py` with `LAB = Lab("03", "mine", "…")` and
functions decorated by `@LAB.task("3.P1", …)`. They are the instructor's code and run in the judge. Their tasks come
last, and a student reads no more than whether each was passed: neither inputs nor reasons nor hints.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import replace
from pathlib import Path

from coursekit.checks import Lab, Outcome, Task, all_labs

HIDDEN = "A private check of your instructor's"


class NotChecks(Exception):
    """The folder's modules cannot be used; the message says which and why."""


def load(folder: Path) -> dict[str, Lab]:
    """Return the labs that have private checks, by number; NotChecks if a module does not fit its lab."""
    found: dict[str, Lab] = {}
    for path in sorted(folder.glob("lab_*.py")):
        specification = importlib.util.spec_from_file_location(f"private_{path.stem}", path)
        assert specification is not None and specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        try:
            specification.loader.exec_module(module)
        except Exception as error:
            raise NotChecks(f"{path.name} does not import: {type(error).__name__}: {error}") from None
        lab = getattr(module, "LAB", None)
        if not isinstance(lab, Lab) or lab.number not in all_labs():
            known = ", ".join(all_labs())
            raise NotChecks(f'{path.name} should define LAB = Lab("NN", …) for one of the labs {known}.')
        before = found.get(lab.number, Lab(lab.number, lab.name, lab.title))
        clash = sorted(set(lab.tasks) & {*all_labs()[lab.number].tasks, *before.tasks})
        if clash:
            raise NotChecks(f"{path.name} defines task {clash[0]}, which is taken; call it {int(lab.number)}.P1.")
        found[lab.number] = together(before, lab)
    if not found:
        raise NotChecks(f"{folder} holds no lab_NN_….py.")
    return found


def together(lab: Lab, other: Lab) -> Lab:
    """Return `lab` with the tasks of `other` behind its own."""
    return replace(lab, tasks={**lab.tasks, **other.tasks})


def concealed(outcome: Outcome) -> Outcome:
    """Return what a student may know of a private task's outcome."""
    if outcome.state == "passed":
        return outcome
    task: Task = outcome.task
    return Outcome(task, outcome.state, f"{HIDDEN} was not passed")


def version(folder: Path) -> str:
    """Return a short word that changes with the checks, for the reports."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:8]
