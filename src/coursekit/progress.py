"""The learner's progress: the last outcome of each task, kept in build/progress.json for `course progress`."""

from __future__ import annotations

import json
import os
from datetime import date
from typing import TYPE_CHECKING

from coursekit.paths import build_dir

if TYPE_CHECKING:
    from coursekit.checks import Outcome

FILE = "progress.json"


def under_nbgrader() -> bool:
    """Say whether nbgrader runs this notebook (it sets NBGRADER_EXECUTION while it does)."""
    return bool(os.environ.get("NBGRADER_EXECUTION"))


def record(outcome: Outcome) -> None:
    """Note the outcome of a task. A folder that cannot be written to loses the note, not the learner's work."""
    try:
        states = load()
        states[outcome.task.number] = {"state": outcome.state, "day": date.today().isoformat()}
        target = build_dir() / FILE
        unfinished = target.with_suffix(f".{os.getpid()}.unfinished")
        unfinished.write_text(json.dumps(states, indent=1, sort_keys=True), encoding="utf-8")
        unfinished.replace(target)
    except OSError:
        pass


def load() -> dict[str, dict[str, str]]:
    """Return {task number: {"state": ..., "day": ...}}; empty where nothing is noted or the file is damaged."""
    try:
        states = json.loads((build_dir() / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return states if isinstance(states, dict) else {}
