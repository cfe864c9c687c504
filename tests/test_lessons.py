"""Every lesson runs, alone and from nothing; every solved lab runs as the notebook it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from coursegrade.lessons import notebooks
from coursegrade.lessons.execution import execute
from coursekit.paths import root

TOP = root()


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This course with an empty build/, so that a lesson finds nothing that an earlier one has made."""
    for name in ("notebooks", "labs", "data"):
        (tmp_path / name).symlink_to(TOP / name)
    monkeypatch.setenv("COURSE_ROOT", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("lesson", [path.stem for path in notebooks.lessons(TOP)])
def test_lesson_runs_alone_and_leaves_nothing_on_stderr(lesson: str, course: Path) -> None:
    notebook = notebooks.read(TOP / "notebooks" / f"{lesson}.ipynb")
    done = execute(notebook, course / "notebooks", {"COURSE_ROOT": str(course)}, 120.0, lambda cell: None)
    assert done.failure is None, done.failure
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []


@pytest.mark.parametrize("lab", [path.stem for path in notebooks.solutions(TOP)])
def test_solved_lab_runs_as_a_notebook(lab: str, course: Path) -> None:
    notebook = notebooks.read(TOP / "solutions" / f"{lab}.ipynb")
    done = execute(notebook, course / "labs", {"COURSE_ROOT": str(course)}, 120.0, lambda cell: None)
    assert done.failure is None, done.failure
    shown = [output for cell in notebook.cells if "check" in cell.metadata.get("course", {}) for output in cell.outputs]
    verdicts = [str(output.get("data", {}).get("text/plain", "")) for output in shown]
    assert verdicts and all(": passed, " in verdict for verdict in verdicts), verdicts
