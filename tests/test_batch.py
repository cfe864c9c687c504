"""A class is graded to its end: one row for every submission, none lost or doubled, also when it was stopped."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from test_attacks import HONEST_POINTS, notebook

from coursegrade.grading import batch, grade, submissions
from coursegrade.grading.gradebook import Row
from coursegrade.grading.grading_process import Order, lost_row
from coursegrade.grading.judge import inputs
from coursegrade.sandbox import bubblewrap, landlock
from coursegrade.sandbox.sandbox import SandboxError
from coursekit.checks import find_task

ONE_HOT = (
    "def one_hot(labels, classes):\n    rows = torch.zeros(*labels.shape, classes)\n"
    "    return rows.scatter_(-1, labels.long()[..., None], 1.0)"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A class of ten: good, empty, hostile, broken, and two forms of the same thing."""
    top = tmp_path / "class"
    for name in ("anna", "ben", "cleo", "dora", "emil", "=cmd|'calc'!A0", "zoë", "nobody", "frida", "two"):
        (top / name).mkdir(parents=True)
    notebook(top / "anna" / "lab_01_tensors.ipynb")
    notebook(top / "ben" / "lab_01_tensors.ipynb", ONE_HOT)
    notebook(top / "cleo" / "lab_01_tensors.ipynb", "import os\nos._exit(1)")
    (top / "dora" / "lab_01_tensors.ipynb").write_text("{")
    (top / "emil" / "lab_01_tensors.ipynb").symlink_to(top / "anna" / "lab_01_tensors.ipynb")
    notebook(top / "=cmd|'calc'!A0" / "lab_01_tensors.ipynb", "raise ValueError('=1+1')")
    notebook(top / "zoë" / "lab_01_tensors.ipynb", ONE_HOT)
    os.mkfifo(top / "frida" / "lab_01_tensors.ipynb")
    notebook(top / "two" / "lab_01_tensors.ipynb")
    (top / "two" / "lab_01_tensors.zip").write_bytes(b"PK\x03\x04../../evil")
    return top


def rows(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((out / "scores.csv").read_text(encoding="utf-8-sig"))))


def run(folder: Path, out: Path, jobs: int = 2) -> str:
    console = Console(record=True, width=200, file=io.StringIO())
    assert batch.grade_all(folder, out, jobs, False, console) == 0
    return console.export_text()


def test_every_submission_has_its_row_and_its_feedback(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = run(folder, out)
    found = {(row["id"], row["lab"]): row for row in rows(out)}
    assert len(found) == len(rows(out)) == 11
    got = {id_: (row["score"], row["status"]) for (id_, _), row in found.items() if id_ != "two"}
    assert got == {
        "anna": (str(HONEST_POINTS), "ok"),
        "ben": ("6", "ok"),
        "cleo": (str(HONEST_POINTS), "ok"),
        "dora": ("0", "rejected"),
        "emil": ("0", "rejected"),
        "'=cmd|'calc'!A0": (str(HONEST_POINTS), "ok"),
        "zoë": ("6", "ok"),
        "nobody": ("0", "rejected"),
        "frida": ("0", "rejected"),
    }
    assert {row["seed"] for row in rows(out)} == {json.loads((out / "batch.json").read_text())["seed"]}
    assert (out / "batch.json").stat().st_mode & 0o077 == 0
    assert "11 submissions: 6 graded, 0 in part, 5 rejected." in said
    page = (out / "ben" / "lab_01_tensors" / "feedback.html").read_text(encoding="utf-8")
    assert "6 of 18 points" in page and "http" not in page.replace("http-equiv", "")
    assert json.loads((out / "batch.json").read_text())["seed"] not in page
    assert not list(tmp_path.rglob("evil*"))

    before = {path: path.stat().st_mtime_ns for path in out.glob("ben/*/report.json")}
    notebook(folder / "anna" / "lab_01_tensors.ipynb", ONE_HOT)  # handed in again
    assert "5 of 11 were graded before" in run(folder, out) and len(rows(out)) == 11
    assert before == {path: path.stat().st_mtime_ns for path in out.glob("ben/*/report.json")}
    assert next(row for row in rows(out) if row["id"] == "anna")["score"] == "6"


def test_nbgraders_folders_are_understood(tmp_path: Path) -> None:
    for student in ("a", "b"):
        place = tmp_path / "course" / "submitted" / student / "lab_01_tensors"
        place.mkdir(parents=True)
        notebook(place / "answers.ipynb")
    found = submissions.find(tmp_path / "course", tmp_path / "out")
    assert [(each.student, each.name) for each in found] == [(name, "lab_01_tensors.answers") for name in ("a", "b")]


def found_in(top: Path, *files: str) -> list[tuple[str, str]]:
    """Make empty files below `top` and return what is found there, as (student, name)."""
    for name in files:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).touch()
    return [(each.student, each.name) for each in submissions.find(top, top / "out")]


def test_platforms_layouts_are_understood(tmp_path: Path) -> None:
    assert found_in(
        tmp_path / "canvas",
        "doejane_4711_90001_lab_01_tensors-1.ipynb",
        "doejohn_LATE_4712_90002_lab_01_tensors.ipynb",
        "lab_01_tensors.ipynb",
        "lopez_4713_90003_mine.zip",
        "notes.txt",
    ) == [
        ("doejane_4711_90001", "lab_01_tensors-1"),
        ("doejohn_LATE_4712_90002", "lab_01_tensors"),
        ("lab_01_tensors", "lab_01_tensors"),
        ("lopez_4713_90003_mine", "lopez_4713_90003_mine"),
    ]
    assert found_in(
        tmp_path / "moodle",
        "Jürgen Müller_1_assignsubmission_file_/lab_01_tensors.ipynb",
        "__MACOSX/Jürgen Müller_1_assignsubmission_file_/._lab_01_tensors.ipynb",
    ) == [("Jürgen Müller_1_assignsubmission_file_", "lab_01_tensors")]
    assert found_in(tmp_path / "github", "lab-01-octocat/labs/lab_01_tensors.ipynb") == [
        ("lab-01-octocat", "labs.lab_01_tensors")
    ]


def test_no_two_submissions_share_a_folder_and_none_takes_ours(tmp_path: Path) -> None:
    long = "n" * 200
    names = found_in(tmp_path, "a/x (2).ipynb", "a/x.ipynb", "a/x.zip", f"b/{long}/{long}.ipynb", "scores.csv/x.ipynb")
    assert [name for student, name in names if student == "a"] == ["x (2)", "x", "x (3)"]
    assert all(len(os.fsencode(part)) < 255 for each in names for part in each)
    assert ("scores.csv_", "x") in names


def test_a_folder_for_scores_that_cannot_be_made_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    console = Console(record=True, width=200, file=io.StringIO())
    assert batch.grade_all(folder, tmp_path / "file" / "out", 1, False, console) == 1
    assert "Nothing was graded" in console.export_text()


def test_a_submission_whose_folder_cannot_be_written_has_its_row(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    found = submissions.Found("a", "x", tmp_path / "x.ipynb")
    row = lost_row(found, Order("landlock", "ab", str(tmp_path / "out")), "no space left")
    assert (row.id, row.status, row.reason) == ("a", "error", "no space left")


def test_file_names_reach_the_terminal_without_escapes(tmp_path: Path) -> None:
    found = submissions.Found("a", "x", tmp_path / "\x1b]0;mine\x07[red].ipynb")
    row = Row("a", "x", "", 0, 0, "rejected", "why", 0.0, "landlock", "1", "ab")
    console = Console(record=True, width=200, file=io.StringIO())
    batch._say({found: row}, "landlock", tmp_path, console)
    assert "]0;mine [red].ipynb: why" in (said := console.export_text()) and "\x1b" not in said


def test_ctrl_c_keeps_what_was_graded_and_other_labs_of_the_class(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def graded(found: list[submissions.Found], order: Order, jobs: int) -> Iterator[tuple[submissions.Found, Row]]:
        yield found[0], lost_row(found[0], order, "first")
        raise KeyboardInterrupt

    monkeypatch.setattr(batch, "_graded", graded)
    monkeypatch.setattr(batch, "_holding_rung", lambda allowed: "landlock")
    out = tmp_path / "out"
    lost_row(submissions.Found("anna", "lab_03", tmp_path / "x"), Order("landlock", "ab", str(out)), "of lab 03")
    console = Console(record=True, width=200, file=io.StringIO())
    assert batch.grade_all(folder, out, 1, False, console) == 130
    assert "Stopped: 1 of 11 are graded. The same command goes on" in console.export_text()
    assert sorted(row["reason"] for row in rows(out)) == ["first", "of lab 03"]


def test_a_batch_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / "class" / f"s{number:02}").mkdir(parents=True)
        notebook(tmp_path / "class" / f"s{number:02}" / "lab_01_x.ipynb", f"import time\ntime.sleep(0.4)  # {number}")
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "coursegrade",
        "grade",
        "--submissions",
        str(tmp_path / "class"),
        "--out",
        str(out),
    ]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    end = time.monotonic() + 120
    while len(list(out.glob("s*/*/report.json"))) < 2 and time.monotonic() < end:
        time.sleep(0.1)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    time.sleep(1)
    done = {path: path.stat().st_mtime_ns for path in out.glob("s*/*/report.json")}
    assert 2 <= len(done) < 6
    run(tmp_path / "class", out, jobs=1)
    assert [row["id"] for row in rows(out)] == [f"s{number:02}" for number in range(6)]
    assert {row["score"] for row in rows(out)} == {"3"}
    kept = sum(path.stat().st_mtime_ns == when for path, when in done.items())
    assert kept >= len(done) - 1  # the one under way when the batch was killed may have been finished by its process


def test_without_a_sandbox_nothing_of_a_class_runs(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise SandboxError("no sandbox holds on this machine. Try: sudo apt-get install bubblewrap")

    monkeypatch.setattr(batch, "open_sandbox", refuse)
    console = Console(record=True, width=200, file=io.StringIO())
    assert batch.grade_all(folder, tmp_path / "out", 1, False, console) == 1
    assert "apt-get install bubblewrap" in console.export_text() and not (tmp_path / "out").exists()


def test_inputs_depend_on_key_file_and_task() -> None:
    task, other = find_task("1.3"), find_task("1.5")
    one = inputs(b"key", "ab" * 32, task)
    assert one == inputs(b"key", "ab" * 32, task)
    assert (
        len({one, inputs(b"kez", "ab" * 32, task), inputs(b"key", "ac" * 32, task), inputs(b"key", "ab" * 32, other)})
        == 4
    )


def test_a_regrade_with_the_same_seed_says_the_same(tmp_path: Path) -> None:
    path = notebook(tmp_path / "lab_01_x.ipynb", "def one_hot(labels, classes):\n    return labels[:1].float()")
    texts = []
    for key in (b"\x00\xff", b"\x00\xff", b"\x01"):
        console = Console(record=True, width=200, file=io.StringIO())
        assert grade.regrade(path, key, console, None, False) == 0
        texts.append(console.export_text())
    assert texts[0] == texts[1] != texts[2]


def test_a_regrade_of_somebody_elses_work_needs_a_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap, "installed", lambda: False)
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    path = notebook(tmp_path / "lab_01_x.ipynb", f"open({str(tmp_path / 'ran')!r}, 'w').close()")
    console = Console(record=True, width=200, file=io.StringIO())
    assert grade.regrade(path, b"key", console, None, False) == 1
    assert "apt-get install bubblewrap" in console.export_text(clear=False) and not (tmp_path / "ran").exists()
    assert grade.regrade(path, b"key", console, None, True) == 0 and (tmp_path / "ran").exists()
