"""Every lab has three states, and each is proven: unsolved, wrong in its own way, solved."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from rich.console import Console

from coursegrade.grading.judge import LabResult, judge
from coursegrade.grading.reader import read
from coursegrade.lessons import labs, notebooks
from coursekit.checks import Lab, Outcome, all_labs
from coursekit.paths import root
from coursekit.student import LocalStudent

LABS = list(all_labs().values())
WRONG = sorted((Path(__file__).parent / "wrong_answers").glob("lab_*/*.py"))


def solution_of(lab: Lab) -> Path:
    return root() / "solutions" / f"{lab.name}.ipynb"


@pytest.fixture(autouse=True)
def _closed_figures() -> Iterator[None]:
    yield
    plt.close("all")


def namespace_of(lab: Lab, answers: dict[str, str] | None = None) -> dict[str, Any]:
    """Run the set-up cells and the answers of a solved lab, with some answers replaced, and return the names."""
    cells = [cell for cell in notebooks.read(solution_of(lab)).cells if cell.cell_type == "code"]
    first = next(i for i, cell in enumerate(cells) if "task" in cell.metadata.get("course", {}))
    names: dict[str, Any] = {"__name__": "__main__"}
    for index, cell in enumerate(cells):
        task = cell.metadata.get("course", {}).get("task")
        if index < first or task:
            exec(compile((answers or {}).get(task, cell.source), f"{lab.name}, {task or 'set-up'}", "exec"), names)
    return names


def run_task(lab: Lab, number: str, names: dict[str, Any], seed: int) -> Outcome:
    return lab.tasks[number].run(LocalStudent(names), np.random.default_rng(seed))


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.name)
def test_solution_passes_every_check_with_every_seed(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    names = namespace_of(lab)
    for number in lab.tasks:
        for seed in range(3):
            outcome = run_task(lab, number, names, seed)
            assert outcome.state == "passed", f"{outcome}\nseed {seed}"


@pytest.mark.parametrize("path", WRONG, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_wrong_answer_fails_with_its_own_hint(path: Path) -> None:
    lab = next(lab for lab in LABS if lab.name == path.parent.name)
    source = path.read_text(encoding="utf-8")
    head, _, answer = source.partition("\n")
    assert head.startswith("# expects: "), f"{path.name} must begin with `# expects: PHRASE`"
    number = path.stem.partition("_")[0]
    outcome = run_task(lab, number, namespace_of(lab, {number: answer}), seed=0)
    assert outcome.state == "failed", f"{path.name} was accepted"
    assert head.removeprefix("# expects: ") in str(outcome), str(outcome)
    if outcome.picture is not None:
        outcome.picture()


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.name)
def test_each_task_has_three_wrong_answers(lab: Lab) -> None:
    for number in lab.tasks:
        given = [path for path in WRONG if path.parent.name == lab.name and path.stem.startswith(f"{number}_")]
        assert len(given) >= 3, f"task {number} has {len(given)} wrong answers"


def graded(path: Path) -> LabResult:
    return judge(read(path))


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.name)
def test_unsolved_lab_is_not_yet_attempted(lab: Lab) -> None:
    result = graded(root() / "labs" / f"{lab.name}.ipynb")
    assert {outcome.state for outcome in result.outcomes} == {"not attempted"}, [str(o) for o in result.outcomes]
    assert result.score == 0


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.name)
def test_solved_lab_scores_full_marks_in_a_process_of_its_own(lab: Lab, tmp_path: Path) -> None:
    result = graded(Path(shutil.copy(solution_of(lab), tmp_path)))
    assert [str(outcome) for outcome in result.outcomes if outcome.state != "passed"] == []
    assert result.score == lab.points


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.name)
def test_one_broken_task_fails_alone(lab: Lab, tmp_path: Path) -> None:
    path = next(path for path in WRONG if path.parent.name == lab.name)
    number = path.stem.partition("_")[0]
    notebook = notebooks.read(solution_of(lab))
    for cell in notebook.cells:
        if cell.metadata.get("course", {}).get("task") == number:
            cell.source = path.read_text(encoding="utf-8")
    broken = tmp_path / f"{lab.name}.ipynb"
    notebooks.write(broken, notebook)
    result = graded(broken)
    assert [outcome.task.number for outcome in result.outcomes if outcome.state != "passed"] == [number]


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.name)
def test_notebook_and_checks_agree(lab: Lab) -> None:
    cells = notebooks.read(solution_of(lab)).cells
    facts = [cell.metadata.get("course", {}) for cell in cells]
    for kind in ("task", "check"):
        assert [fact[kind] for fact in facts if kind in fact] == list(lab.tasks)
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    for number, task in lab.tasks.items():
        assert f"## {number} {task.title}\n{task.headline()}" in prose, f"the text of {number} should show its headline"
    for cell, fact in zip(cells, facts, strict=True):
        grader = cell.metadata.get("nbgrader")
        if "check" in fact:
            assert cell.source == f'check("{fact["check"]}")'
            assert grader["points"] == lab.tasks[fact["check"]].points
            assert (grader["grade"], grader["locked"], grader["solution"]) == (True, True, False)
        elif "task" in fact:
            assert (grader["grade"], grader["locked"], grader["solution"]) == (False, False, True)
        elif "explain" in fact:
            assert grader["points"] == lab.explain_points
            assert (grader["grade"], grader["locked"], grader["solution"]) == (True, False, True)
        if grader:
            allowed = {"schema_version", "grade", "locked", "solution", "task", "grade_id", "points"}
            assert set(grader) <= allowed and grader["schema_version"] == 3
    assert sum("explain" in fact for fact in facts) == 1


def test_labs_and_solutions_agree() -> None:
    assert labs.compare(Console(quiet=True)) == 0


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small course of its own with one lab, for tests that write."""
    for name in ("notebooks", "data", "labs", "solutions"):
        (tmp_path / name).mkdir()
    shutil.copy(root() / "solutions" / "lab_03_training_loop.ipynb", tmp_path / "solutions")
    monkeypatch.setenv("COURSE_ROOT", str(tmp_path))
    return tmp_path


def test_make_writes_a_lab_without_answers_and_is_idempotent(course: Path) -> None:
    assert labs.make(Console(quiet=True)) == 0
    lab = course / "labs" / "lab_03_training_loop.ipynb"
    first = lab.read_bytes()
    text = first.decode()
    assert "BEGIN SOLUTION" not in text and "zero_grad" not in text.replace("optimizer.zero_grad()\\n", "", 1)
    assert text.count("raise NotImplementedError()\\n") + text.count('raise NotImplementedError()"') >= 6
    assert labs.make(Console(quiet=True)) == 0 and lab.read_bytes() == first


def test_a_changed_lab_is_left_alone_and_reset_keeps_a_copy(course: Path) -> None:
    labs.make(Console(quiet=True))
    lab = course / "labs" / "lab_03_training_loop.ipynb"
    notebook = json.loads(lab.read_text())
    notebook["cells"][3]["source"] = ["my_own_work = 1\n"]
    lab.write_text(json.dumps(notebook))
    mine = lab.read_bytes()

    console = Console(record=True, width=200, file=io.StringIO())
    assert labs.make(console) == 1 and lab.read_bytes() == mine
    assert "left alone" in console.export_text()

    assert labs.reset("3", Console(quiet=True)) == 0
    assert b"my_own_work" not in lab.read_bytes()
    kept = list((course / "build" / "backup").glob("*.ipynb"))
    assert len(kept) == 1 and kept[0].read_bytes() == mine


def test_running_a_lab_does_not_count_as_changing_it(course: Path) -> None:
    labs.make(Console(quiet=True))
    lab = course / "labs" / "lab_03_training_loop.ipynb"
    notebook = json.loads(lab.read_text())
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["execution_count"] = 7
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["hello\n"]}]
    lab.write_text(json.dumps(notebook))
    assert not labs.is_changed(lab)


def test_a_lab_that_is_no_notebook_any_more_counts_as_changed(course: Path) -> None:
    labs.make(Console(quiet=True))
    lab = course / "labs" / "lab_03_training_loop.ipynb"
    lab.write_text("{ half a note")
    assert labs.is_changed(lab) and labs.make(Console(quiet=True)) == 1


def test_compare_tells_a_lab_that_drifted(course: Path) -> None:
    labs.make(Console(quiet=True))
    assert labs.compare(Console(quiet=True)) == 0
    lab = course / "labs" / "lab_03_training_loop.ipynb"
    lab.write_text(lab.read_text().replace("Half the bits", "Half of the bits"))
    assert labs.compare(Console(quiet=True)) == 1


def test_reset_of_an_unknown_lab_names_those_there_are(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert labs.reset("77", Console()) == 1
    assert "There is no lab 77; there are 03." in capsys.readouterr().out


def test_a_solution_without_its_region_is_refused(course: Path) -> None:
    path = course / "solutions" / "lab_03_training_loop.ipynb"
    path.write_text(path.read_text().replace("### END SOLUTION", "### THE END", 1))
    with pytest.raises(labs.SolutionError, match=r"lab_03_training_loop.ipynb, cell 4"):
        labs.generate(path)
