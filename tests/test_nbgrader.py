"""The labs in a real nbgrader course: a released copy without answers, a solved one valid and with full marks.

Needs the extra `nbgrader`, which the course itself does not; without it these tests are skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from coursekit.checks import Lab, all_labs
from coursekit.paths import root

pytest.importorskip("nbgrader", reason="the extra `nbgrader` is not installed")
NUMBERS = [*list(all_labs())[:1], *(pytest.param(number, marks=pytest.mark.full) for number in list(all_labs())[1:])]


# nbgrader starts alembic by its name
PATH = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def nbgrader(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run nbgrader in a course's folder."""
    environment = {**os.environ, **PATH, "COURSE_ROOT": str(root()), "IPYTHONDIR": str(folder / "ipython")}
    environment.pop("COURSE_HEADLESS", None)
    command = [sys.executable, "-m", "nbgrader", *words, "--ExecutePreprocessor.timeout=300"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900, check=False
    )


@pytest.fixture
def course(tmp_path: Path) -> Path:
    config = [
        "c = get_config()",
        "c.CourseDirectory.course_id = 'course'",
        f"c.CourseDirectory.root = {str(tmp_path)!r}",
    ]
    (tmp_path / "nbgrader_config.py").write_text("\n".join(config))
    return tmp_path


@pytest.mark.parametrize("number", NUMBERS)
def test_a_lab_goes_through_nbgrader(number: str, course: Path) -> None:
    lab: Lab = all_labs()[number]
    solved = root() / "solutions" / f"{lab.name}.ipynb"
    for place in (f"source/{lab.name}", f"submitted/anna/{lab.name}", f"submitted/ben/{lab.name}", "valid"):
        (course / place).mkdir(parents=True)
        shutil.copy(solved, course / place)

    done = nbgrader(course, "generate_assignment", lab.name)
    assert done.returncode == 0, done.stderr
    released = course / "release" / lab.name / solved.name
    text = released.read_text(encoding="utf-8")
    assert "BEGIN SOLUTION" not in text and "YOUR CODE HERE" in text
    shutil.copy(released, course / f"submitted/ben/{lab.name}" / solved.name)  # handed in untouched

    valid = nbgrader(course, "validate", str(course / "valid" / solved.name))
    assert "Success!" in valid.stdout, valid.stdout + valid.stderr
    untouched = nbgrader(course, "validate", str(released))
    assert "Success!" not in untouched.stdout and "failed" in untouched.stdout

    done = nbgrader(course, "autograde", lab.name)
    assert done.returncode == 0, done.stderr
    assert scores(course, lab) == {"anna": lab.points, "ben": 0}


def scores(course: Path, lab: Lab) -> dict[str, float]:
    """Return what nbgrader gave the cells that it marks by itself, by student."""
    program = (
        "import json, sys\nfrom nbgrader.api import Gradebook\n"
        "with Gradebook('sqlite:///gradebook.db') as book:\n"
        "    marks = lambda each: [grade.auto_score or 0 for notebook in each.notebooks for grade in notebook.grades]\n"
        "    found = {each.student.id: sum(marks(each)) for each in book.assignment_submissions(sys.argv[1])}\n"
        "print(json.dumps(found))\n"
    )
    command = [sys.executable, "-c", program, lab.name]
    environment = {**os.environ, **PATH}
    done = subprocess.run(command, cwd=course, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found
