"""The judge finishes whatever it is handed, and says in plain words what was wrong."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from test_attacks import HONEST_POINTS, notebook

from coursegrade.grading import grade
from coursegrade.grading.judge import Limits, judge
from coursegrade.grading.reader import Unreadable, read
from coursegrade.sandbox.channel import encode
from coursegrade.sandbox.worker import Notebook
from coursekit.paths import root
from coursekit.student import Raised

SOLVED = root() / "solutions" / "lab_03_training_loop.ipynb"
QUICK = Limits(cell=5, question=5, lab=120)


@pytest.fixture
def lab(tmp_path: Path) -> Any:
    """Return a function that writes the solved lab 03 with some tasks' cells replaced."""

    def write(answers: dict[str, str], **metadata: Any) -> Path:
        notebook = json.loads(SOLVED.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            task = cell["metadata"].get("course", {}).get("task")
            if task in answers:
                cell["source"] = answers[task]
            elif task in ("3.5",) or (cell["cell_type"] == "code" and "plain" in "".join(cell["source"])[:80]):
                cell["source"] = ""  # training takes seconds and proves nothing here
        notebook["metadata"].update(metadata)
        path = tmp_path / "lab_03_training_loop.ipynb"
        path.write_text(json.dumps(notebook), encoding="utf-8")
        return path

    return write


def outcomes(path: Path) -> dict[str, Any]:
    return {outcome.task.number: outcome for outcome in judge(read(path), QUICK).outcomes}


def test_each_broken_task_is_named_and_the_others_are_graded(lab: Any) -> None:
    found = outcomes(
        lab(
            {
                "3.1": "class ShiftedDigits(Dataset:\n    pass",
                "3.2": "def train_step(model, optimizer, images, labels):\n    return model.los(images)",
                "3.3": "def evaluate(*arguments):\n    return {1: object()}, lambda: 0",
            }
        )
    )
    assert "SyntaxError" in found["3.1"].what and "line 1" in found["3.1"].what
    assert "AttributeError" in found["3.2"].what and "`return model.los(images)`" in found["3.2"].what
    assert [found[number].state for number in ("3.1", "3.2", "3.3", "3.4", "3.6")] == ["failed"] * 3 + ["passed"] * 2


def test_code_that_hangs_or_ends_python_costs_its_own_task(lab: Any) -> None:
    found = outcomes(
        lab(
            {
                "3.1": "while True:\n    pass",
                "3.2": "def train_step(*arguments):\n    while True:\n        pass",
                "3.3": "import os\ndef evaluate(*arguments):\n    os._exit(0)",
                "3.4": "import sys\ndef save_checkpoint(*arguments): sys.exit()\nload_checkpoint = save_checkpoint",
            }
        )
    )
    assert "One cell ran longer than 5 s" in found["3.1"].what
    assert "One call of your code ran longer than 5 s" in found["3.2"].what
    assert "Python itself ended" in found["3.3"].what
    assert "SystemExit" in found["3.4"].what
    assert [found[number].state for number in ("3.1", "3.2", "3.3", "3.4", "3.6")] == ["failed"] * 4 + ["passed"]


def test_a_cell_that_is_no_tasks_and_cannot_run_is_remarked_on(tmp_path: Path) -> None:
    path = notebook(tmp_path / "lab_01_x.ipynb", "import torch torch", "import os\nos._exit(1)", "never_defined")
    result = judge(read(path), QUICK)
    assert result.score == HONEST_POINTS
    first, second = result.remarks
    assert first.startswith("Cell 2 raised SyntaxError") and second.startswith("Cell 3 was left out. Python itself end")


def test_magics_and_values_that_cannot_be_copied() -> None:
    mine = Notebook()
    mine.run_cell("cell 1", "%%time\n%matplotlib inline\ndef double(x):\n    return 2 * x")
    assert mine.namespace["double"](3) == 6
    for cell, says in (("%%bash\nls", "does not run the cell magic %%bash"), ("!ls", "the shell command !ls")):
        with pytest.raises(Raised, match=says) as caught:
            mine.run_cell("cell 2", cell)
        assert caught.value.line == ""  # a line of ours would not help
    mine.run_cell("cell 3", "import torch\ndef far(): return torch.empty(3, device='meta')")
    answer = mine.answer({"operation": "call", "arguments": encode(["far", [], {}, False])})
    assert "raised" in answer and "meta" in answer["raised"][1]


def test_names_of_files_and_labs_are_no_patterns_and_no_markup(tmp_path: Path) -> None:
    console = Console(record=True, width=160, file=io.StringIO())
    broken = tmp_path / "[red] [x.ipynb"
    broken.write_text("{")
    for name in ("[/x].ipynb", broken.name):
        assert grade.grade([tmp_path / name], None, console) == 1
    for lab in ("**", "", "0*", "[/x]"):
        assert grade.grade([], lab, console) == 1
    said = console.export_text()
    assert "[red] [x.ipynb is not a notebook" in said and "There is no lab [/x] in labs/" in said


def test_another_kernel_is_remarked_on(lab: Any) -> None:
    path = lab({}, kernelspec={"name": "ir", "language": "R", "display_name": "R"})
    assert "kernel is for 'r'" in read(path).remarks[0]


@pytest.mark.parametrize(
    ("contents", "says"),
    [
        ("", "is empty"),
        ("{ half", "is not JSON"),
        ("[1, 2]", "not a notebook: it has no list of cells"),
        ('{"cells": 3}', "not a notebook"),
        ("\xff\xfe".encode("utf-16"), "is not JSON"),
        (b'\xef\xbb\xbf{"cells": 3}', "is JSON, but not a notebook"),  # a mark in front is no reason to refuse
    ],
)
def test_what_is_no_notebook_gets_one_sentence(tmp_path: Path, contents: str | bytes, says: str) -> None:
    path = tmp_path / "lab_03_mine.ipynb"
    path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
    with pytest.raises(Unreadable, match=says):
        read(path)


def test_links_folders_and_missing_files_are_not_read(tmp_path: Path) -> None:
    link = tmp_path / "lab_03_link.ipynb"
    link.symlink_to(SOLVED)
    (tmp_path / "lab_03_folder.ipynb").mkdir()
    for path, says in (
        (link, "cannot be opened"),
        (tmp_path / "lab_03_folder.ipynb", "not a regular"),
        (tmp_path / "x", "no file"),
    ):
        with pytest.raises(Unreadable, match=says):
            read(path)


def test_a_batch_is_graded_to_its_end(lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = lab({})
    empty = tmp_path / "lab_03_empty.ipynb"
    empty.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    broken = tmp_path / "lab_03_broken.ipynb"
    broken.write_text("{")
    unknown = tmp_path / "lab_88_unknown.ipynb"
    unknown.write_text(empty.read_text())
    console = Console(record=True, width=160, file=io.StringIO())
    for name in ("notebooks", "data", "labs"):
        (tmp_path / "course" / name).mkdir(parents=True)
    (tmp_path / "course" / "data" / "digits.npz").symlink_to(root() / "data" / "digits.npz")
    monkeypatch.setenv("COURSE_ROOT", str(tmp_path / "course"))

    assert (
        grade.grade([broken, empty, unknown, tmp_path / "nowhere.ipynb", good], None, console, grade.Terms(QUICK)) == 1
    )
    said = console.export_text()
    for phrase in (
        "is not JSON",
        "has no code cells",
        "is of lab 88",
        "There is no file",
        "3 of 5 notebooks could not",
    ):
        assert phrase in said
    report = json.loads((tmp_path / "course" / "build" / "grade" / "report.json").read_text())
    assert [entry["lab"] for entry in report["labs"]] == [None, "03", None, None, "03"]
    assert report["score"] == 13 and report["max"] == 34
    assert {task["state"] for task in report["labs"][1]["tasks"]} == {"not attempted"}
