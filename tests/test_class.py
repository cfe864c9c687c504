"""What an instructor does with a graded class: private checks, answers marked by a person, the page for the class."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from test_attacks import notebook
from test_batch import ONE_HOT

from coursegrade.grading import batch, class_report, fingerprint, grade, marking
from coursegrade.grading.private_checks import NotChecks, load
from coursegrade.grading.reader import Cell
from coursekit.paths import build_dir

PRIVATE = """
from coursekit.checks import Lab, Wrong, require
import torch

LAB = Lab("01", "mine", "Mine")

@LAB.task("1.P1", "A class of 4711", points=5, minutes=1, difficulty=1, importance=1, names=("one_hot",))
def many(student, rng):
    rows = student.call("one_hot", torch.tensor([4710]), 4711)
    if rows.shape != (1, 4711):
        raise Wrong("the secret number is 4711", "look at 4711")
"""
WRONG = "def one_hot(labels, classes):\n    print('given', classes)\n    raise ValueError(f'given {classes}')"
CLASS = {"anna": ONE_HOT, "ben": ONE_HOT.replace("rows", "lines") + "  # mine", "cleo": WRONG, "dora": "", "<i>": WRONG}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    top = tmp_path_factory.mktemp("class")
    (top / "private").mkdir()
    (top / "private" / "lab_01_mine.py").write_text(PRIVATE)
    for name, cell in CLASS.items():
        (top / "handed in" / name).mkdir(parents=True)
        path = notebook(top / "handed in" / name / "lab_01_tensors.ipynb", cell)
        document = json.loads(path.read_text())
        for each in document["cells"][1:]:
            each["metadata"] = {"course": {"task": "1.3" if "one_hot" in each["source"] else "1.5"}}
        words = f"Because.\n```\n## {name}\n=1+1"
        document["cells"].append({"cell_type": "markdown", "source": words, "metadata": {"course": {"explain": "1.E"}}})
        path.write_text(json.dumps(document))
    (top / "handed in" / "emil").mkdir()
    (top / "handed in" / "emil" / "lab_01_tensors.ipynb").write_text("{")
    quiet = Console(file=io.StringIO())
    assert batch.grade_all(top / "handed in", top / "out", 1, False, quiet, top / "private") == 0
    yield top / "out"


def rows(out: Path) -> dict[str, dict[str, str]]:
    return {row["id"]: row for row in csv.DictReader(io.StringIO((out / "scores.csv").read_text(encoding="utf-8-sig")))}


def test_private_checks_count_and_say_nothing(out: Path) -> None:
    found = rows(out)
    assert (found["anna"]["score"], found["anna"]["max"]) == ("11", "23")
    assert (found["cleo"]["score"], found["dora"]["score"]) == ("3", "3")
    assert re.fullmatch(r".+\+private\.[0-9a-f]{8}", found["anna"]["grader_version"])
    for name in CLASS:
        page = (out / name / "lab_01_tensors" / "feedback.html").read_text(encoding="utf-8")
        assert "A class of 4711" in page  # its title, which the instructor chose
        assert "given 4711" not in page and "secret" not in page and "look at" not in page
    assert "was not passed" in (out / "cleo" / "lab_01_tensors" / "feedback.html").read_text(encoding="utf-8")


def test_private_checks_are_honoured_when_one_notebook_is_graded_again(out: Path) -> None:
    row = rows(out)["cleo"]
    notebook = out.parent / "handed in" / "cleo" / "lab_01_tensors.ipynb"
    said = io.StringIO()
    console = Console(file=said, width=200)
    assert grade.regrade(notebook, bytes.fromhex(row["seed"]), console, out.parent / "private", False) == 0
    assert "3 of 23 points" in said.getvalue() and "given 4711" in said.getvalue()  # who hears an appeal may know
    assert "given 4711" not in (build_dir() / "grade" / "report.json").read_text(encoding="utf-8")
    assert grade.regrade(notebook, b"key", console, out.parent / "nothing", False) == 1
    assert "Nothing was graded" in said.getvalue()


def test_private_checks_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    for text, says in (
        ("", "should define LAB"),
        ("x = ", "does not import"),
        (PRIVATE.replace('"01"', '"77"'), "for one of the labs"),
        (PRIVATE.replace("1.P1", "1.3"), "which is taken"),
    ):
        (tmp_path / "lab_01_x.py").write_text(text)
        with pytest.raises(NotChecks, match=says):
            load(tmp_path)
    (tmp_path / "lab_01_x.py").unlink()
    with pytest.raises(NotChecks, match="holds no"):
        load(tmp_path)


def test_points_of_a_person_are_merged_once(out: Path) -> None:
    table = out / "by_a_person" / "lab_01.csv"
    before = table.read_text(encoding="utf-8-sig")
    assert table.read_bytes().startswith(b"\xef\xbb\xbf")  # or Excel garbles the names
    text = table.with_suffix(".md").read_text(encoding="utf-8")
    assert (
        "| points | the answer |" in text and "\n````text\nBecause.\n```\n" in text
    )  # the student's fence ends nothing
    said = io.StringIO()
    try:
        table.write_text(before.replace("anna,lab_01_tensors,1.E,3,,", "anna,lab_01_tensors,1.E,3,2.5,well said"))
        for _ in range(2):
            assert marking.merge(out, Console(file=said)) == 0
        assert (rows(out)["anna"]["score"], rows(out)["anna"]["max"]) == ("13.5", "26")
        assert rows(out)["ben"]["max"] == "23" and "emil" in rows(out)
        page = (out / "anna" / "lab_01_tensors" / "feedback.html").read_text(encoding="utf-8")
        assert "2.5 of 3 points" in page and "well said" in page
        for bad, says in ((",3,2.5,", ",3,4,"), ("anna,", "nobody,")):
            table.write_text(table.read_text().replace(bad, says))
            assert marking.merge(out, Console(file=said)) == 1
        assert "Nothing was merged" in said.getvalue() and rows(out)["anna"]["score"] == "13.5"
    finally:
        table.write_text(before)
        assert marking.merge(out, Console(file=said)) == 0
    assert rows(out)["anna"]["score"] == "11"


@pytest.mark.parametrize("code_page", ["utf-8-sig", "cp1252"])
def test_a_table_as_a_german_spreadsheet_saves_it_is_understood(out: Path, code_page: str) -> None:
    table = out / "by_a_person" / "lab_01.csv"
    before = table.read_bytes()
    said = io.StringIO()
    try:
        lines = before.decode("utf-8-sig").replace("anna,lab_01_tensors,1.E,3,,", "anna,lab_01_tensors,1.E,3,*,schön")
        table.write_bytes(lines.replace(",", ";").replace("*", "2,5").replace("\n", "\r\n").encode(code_page))
        marking.export(out)  # as every `course grade --submissions` does: what was filled in is kept
        assert 'anna,lab_01_tensors,1.E,3,"2,5",schön' in table.read_text(encoding="utf-8-sig")
        assert marking.merge(out, Console(file=said)) == 0
        assert rows(out)["anna"]["score"] == "13.5"
    finally:
        table.write_bytes(before)
        assert marking.merge(out, Console(file=said)) == 0


def test_the_class_on_one_page(out: Path) -> None:
    assert class_report.write(out, True, Console(file=io.StringIO())) == 0
    page = (out / "class.html").read_text(encoding="utf-8")
    assert "<i>" not in page and "&lt;i&gt;" in page
    assert not re.search(r"(src|href)=|url\(|<script", page)
    assert "Your code raised ValueError: given" in page and "is not JSON" in page
    assert page.count("<rect") == 24 + 5 * 6  # a bar for each score from 0 to 23, a cell for each student and task
    assert class_report.write(out, False, Console(file=io.StringIO())) == 0
    anonymous = (out / "class.html").read_text(encoding="utf-8")
    assert "anna" not in anonymous and "student 1" in anonymous
    assert "the file is not a notebook" in anonymous and "lab_01_tensors.ipynb" not in anonymous  # it may hold a name
    assert class_report.write(out / "nothing", True, Console(file=io.StringIO())) == 1


def test_a_fingerprint_sees_through_names_and_comments_only() -> None:
    long = (
        "def f(first, second):\n    total = 0\n" + "    total = total + first * second - 1\n" * 12 + "    return total"
    )
    same = long.replace("total", "sum_").replace("first", "a").replace("second", "b").replace(" - 1", "  -  1  # one")
    mark = fingerprint.of([Cell(1, long, "1.1")])
    assert mark and mark == fingerprint.of([Cell(9, same, "1.1"), Cell(2, "print('mine')", None)])
    assert mark != fingerprint.of([Cell(1, long.replace("- 1", "- 2"), "1.1")])
    assert mark != fingerprint.of([Cell(1, long, "1.2")])
    assert fingerprint.of([Cell(1, "x = 1", "1.1")]) == ""
    assert fingerprint.of([Cell(1, long + "\n'''never closed", "1.1")])
