"""Every notebook keeps to the house's form and STYLE's limits, and the rule-checker catches each breach."""

from __future__ import annotations

import io
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell
from rich.console import Console

from coursegrade.lessons import notebooks
from coursegrade.lessons.notebook_rules import MAX_MEDIAN_LINES, violations
from coursekit.paths import root

FOLDERS = {"notebooks": notebooks.LESSON_NAME, "solutions": notebooks.LAB_NAME, "labs": notebooks.LAB_NAME}
ALL = sorted(path for folder in FOLDERS for path in (root() / folder).glob("*.ipynb"))
MAX_WIDTH = 120  # characters of a line of code: what a projector and JupyterLab show; ruff's limit for the modules too

Document = dict[str, Any]


@pytest.mark.parametrize("path", ALL, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_notebook_keeps_the_rules(path: Path) -> None:
    assert FOLDERS[path.parent.name].fullmatch(path.name), f"{path.name} is not named like its neighbours"
    assert violations(path) == []


@pytest.mark.parametrize("path", ALL, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_line_of_code_is_cut_off_on_a_projector(path: Path) -> None:
    cells = [cell for cell in notebooks.read(path).cells if cell.cell_type == "code"]
    lines = [(cell.id, number, line) for cell in cells for number, line in enumerate(cell.source.splitlines(), start=1)]
    assert lines
    assert [(cell, number, len(line)) for cell, number, line in lines if len(line) > MAX_WIDTH] == []


@pytest.mark.parametrize("path", notebooks.solutions(root()), ids=lambda path: path.stem)
def test_a_solution_keeps_to_short_cells_with_its_answers_in(path: Path) -> None:
    lengths = [len(cell.source.splitlines()) for cell in notebooks.read(path).cells if cell.cell_type == "code"]
    assert statistics.median_high(lengths) <= MAX_MEDIAN_LINES  # an even count has two middles: the longer one


def test_there_are_notebooks_and_their_numbers_differ() -> None:
    for found in (notebooks.lessons(root()), notebooks.solutions(root())):
        numbers = [notebooks.number(path) for path in found]
        assert numbers
        assert len(set(numbers)) == len(numbers)


# --- the rule-checker ------------------------------------------------------------------------------------------------


def tidy_document() -> Document:
    """Return the JSON of a small notebook that breaks no rule."""
    cells = [
        new_markdown_cell("# 01 · Tensors\n\nSee https://pytorch.org and ~/course.", id="text-01"),
        new_code_cell("import coursekit\n\ncoursekit.banner()", id="code-01"),
        new_code_cell(
            "# as https://pytorch.org shows\nx = get('http://127.0.0.1:80')\nprint('Loss:\\n')", id="code-02"
        ),
    ]
    document: Document = json.loads(notebooks.text(new_notebook(cells=cells)))
    return document


def in_file(folder: Path, document: Document, **options: Any) -> Path:
    path = folder / "01_tensors.ipynb"
    form = {"indent": 1, "sort_keys": True, "ensure_ascii": False} | options
    path.write_text(json.dumps(document, **form) + "\n", encoding="utf-8")
    return path


def set_code(document: Document, code: str) -> None:
    document["cells"][1]["source"] = code.splitlines(True)


def test_a_tidy_notebook_breaks_no_rule(tmp_path: Path) -> None:
    assert violations(in_file(tmp_path, tidy_document())) == []


def outputs(document: Document) -> None:
    document["cells"][1]["outputs"] = [new_output("stream", name="stdout", text="hello")]


def cell_metadata(document: Document) -> None:
    document["cells"][1]["metadata"] = {"collapsed": True, "tags": ["kept"]}


def duplicate_id(document: Document) -> None:
    document["cells"][2]["id"] = "code-01"


def many_cells(document: Document) -> None:
    document["cells"] += [{"cell_type": "markdown", "id": f"m{n}", "metadata": {}, "source": ["x"]} for n in range(58)]


BREACHES: dict[str, tuple[Callable[[Document], Any], str]] = {
    "outputs": (outputs, "cell 2 has outputs"),
    "execution count": (lambda d: d["cells"][1].update(execution_count=3), "cell 2 has an execution count"),
    "cell metadata": (cell_metadata, "cell 2 has the metadata collapsed"),
    "notebook metadata": (lambda d: d["metadata"].update(widgets={}), "metadata has widgets"),
    "kernel": (lambda d: d["metadata"]["kernelspec"].update(name="conda-env-x"), "kernelspec"),
    "no id": (lambda d: d["cells"][1].pop("id"), "cell 2 has no id"),
    "bad id": (lambda d: d["cells"][1].update(id="a b"), "cell 2 has an invalid id"),
    "duplicate id": (duplicate_id, "cells 2 and 3 have the same id"),
    "empty cell": (lambda d: set_code(d, "\n"), "cell 2 is empty"),
    "old format": (lambda d: d.update(nbformat_minor=4), "its format is 4.4"),
    "too many cells": (many_cells, "it has 61 cells; 60 is the limit"),
    "long cell": (
        lambda d: set_code(d, "x = 1\n" * 41) or d["cells"].append(d["cells"][2] | {"id": "code-03"}),
        "cell 2 has 41 lines of code; 40 is the limit",
    ),
    "long median": (
        lambda d: [cell.update(source=["x = 1\n"] * 9) for cell in d["cells"][1:]],
        "its median code cell has 9 lines; 8 is the limit",
    ),
    "path of a machine": (lambda d: set_code(d, "open('/home/ada/x.npz')"), "cell 2 names a path of one machine"),
    "path on Windows": (lambda d: set_code(d, r"open('C:\\Users\\ada')"), "cell 2 names a path of one machine"),
    "pip": (lambda d: set_code(d, "!pip install onnx"), "cell 2 installs a package"),
    "pip magic": (lambda d: set_code(d, "%pip install -q onnx"), "cell 2 installs a package"),
    "python -m pip": (lambda d: set_code(d, "!python -m pip install onnx"), "cell 2 installs a package"),
    "apt": (lambda d: set_code(d, "x = 1\n! sudo apt-get -y install g++"), "cell 2 installs a package"),
    "urlopen": (lambda d: set_code(d, "urlopen(url)"), "cell 2 fetches from the network"),
    "requests": (lambda d: set_code(d, "requests.get(url)"), "cell 2 fetches from the network"),
    "read a URL": (lambda d: set_code(d, "read_csv('https://x.org/a')"), "cell 2 fetches from the network"),
    "hub": (lambda d: set_code(d, "torch.hub.load('a', 'b')"), "cell 2 fetches from the network"),
    "weights": (lambda d: set_code(d, "resnet18(weights='DEFAULT')"), "cell 2 fetches from the network"),
    "wget": (lambda d: set_code(d, "!wget x.org/a"), "cell 2 fetches from the network"),
}


@pytest.mark.parametrize("name", BREACHES)
def test_each_breach_is_caught_and_nothing_else_is_reported(name: str, tmp_path: Path) -> None:
    spoil, phrase = BREACHES[name]
    document = tidy_document()
    spoil(document)
    found = violations(in_file(tmp_path, document))
    assert len(found) == 1 and phrase in found[0], found


@pytest.mark.parametrize("options", [{"indent": 2}, {"sort_keys": False}, {"ensure_ascii": True}])
def test_other_layouts_of_the_same_json_are_caught(options: dict[str, Any], tmp_path: Path) -> None:
    document = dict(reversed(tidy_document().items()))
    found = violations(in_file(tmp_path, document, **options))
    assert len(found) == 1 and "canonical form" in found[0] and "course tidy" in found[0]


def test_missing_final_newline_is_caught(tmp_path: Path) -> None:
    path = in_file(tmp_path, tidy_document())
    path.write_text(path.read_text(encoding="utf-8").rstrip("\n"), encoding="utf-8")
    assert "canonical form" in violations(path)[0]


def test_a_solution_counts_as_the_stub_that_the_learner_sees(tmp_path: Path) -> None:
    document = tidy_document()
    set_code(document, "def f(x):\n    ### BEGIN SOLUTION\n" + "    x += 1\n" * 30 + "    ### END SOLUTION\n")
    document["cells"].pop()
    assert violations(in_file(tmp_path, document)) == []


def test_a_download_that_the_reader_asks_for_is_allowed_by_its_tag(tmp_path: Path) -> None:
    document = tidy_document()
    set_code(document, "FashionMNIST(folder, download=True)")
    assert "opt-in-download" in violations(in_file(tmp_path, document))[0]
    document["cells"][1]["metadata"] = {"tags": ["opt-in-download"]}
    assert violations(in_file(tmp_path, document)) == []


# --- reading ---------------------------------------------------------------------------------------------------------

UNREADABLE = {
    "empty": (b"", "the file is empty"),
    "no JSON": (b"{ cells", "its text is not JSON"),
    "binary": (b"\xff\xfe\x00", "its text is not JSON"),
    "deep": (b"[" * 200_000, "its text is not JSON"),
    "a list": (b"[]", "no list of cells"),
    "no cells": (b'{"nbformat": 4}', "no list of cells"),
    "newer format": (b'{"cells": [], "metadata": {}, "nbformat": 5}', "notebook format 5"),
    "cells of text": (b'{"cells": ["x"], "metadata": {}, "nbformat": 4}', "not a valid notebook"),
    "unknown cell": (b'{"cells": [{"cell_type": "x"}], "metadata": {}, "nbformat": 4}', "not a valid notebook"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_notebook_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    contents, phrase = UNREADABLE[name]
    path = tmp_path / "bad.ipynb"
    path.write_bytes(contents)
    with pytest.raises(notebooks.NotANotebook, match=phrase) as caught:
        notebooks.read(path)
    assert "\n" not in str(caught.value) and "bad.ipynb" in str(caught.value)
    assert violations(path) == [str(caught.value)]
    with pytest.raises(notebooks.NotANotebook):
        notebooks.tidy(path)
    assert path.read_bytes() == contents


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(notebooks.NotANotebook, match="There is no file"):
        notebooks.read(tmp_path / "none.ipynb")
    with pytest.raises(notebooks.NotANotebook, match="cannot be read"):
        notebooks.read(tmp_path)


def test_a_notebook_of_format_3_is_brought_up_to_date(tmp_path: Path) -> None:
    old = nbformat.v3.new_notebook(worksheets=[nbformat.v3.new_worksheet(cells=[nbformat.v3.new_code_cell("x = 1")])])
    path = tmp_path / "old.ipynb"
    path.write_text(nbformat.v3.writes_json(old), encoding="utf-8")
    assert [cell.source for cell in notebooks.read(path).cells] == ["x = 1"]


# --- writing and tidying ---------------------------------------------------------------------------------------------

SOURCES = st.text(st.characters(codec="utf-8"), max_size=40).filter(str.strip)
CELLS = st.builds(
    lambda make, text: make(text), st.sampled_from([new_code_cell, new_markdown_cell, new_raw_cell]), SOURCES
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=st.lists(CELLS, max_size=5))
def test_writing_and_reading_keep_sources_and_ids(cells: list[Any], tmp_path: Path) -> None:
    path = tmp_path / "any.ipynb"
    notebooks.write(path, new_notebook(cells=cells))
    again = notebooks.read(path)
    assert [(c.cell_type, c.id, c.source) for c in again.cells] == [(c.cell_type, c.id, c.source) for c in cells]
    assert path.read_bytes() == notebooks.text(again).encode()
    assert notebooks.tidy(path) == []


def edited_in_jupyterlab() -> nbformat.NotebookNode:
    """Return a notebook as JupyterLab leaves it: run, with its own ids and metadata and an empty last cell."""
    cell = new_code_cell("1 / 3", id="9f3c1a2b", execution_count=7, metadata={"trusted": True, "tags": []})
    cell.outputs = [new_output("execute_result", {"text/plain": "0.333"}, execution_count=7)]
    notebook = new_notebook(cells=[new_markdown_cell("# é ·", id="text-01"), cell, new_code_cell("", id="last")])
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"name": "python3", "display_name": "my env", "language": "python"},
            "language_info": {"name": "python", "version": "3.12.1"},
            "course": {"fingerprint": "abc"},
        }
    )
    return notebook


def test_tidy_makes_an_edited_notebook_committable(tmp_path: Path) -> None:
    path = tmp_path / "01_tensors.ipynb"
    path.write_text(nbformat.writes(edited_in_jupyterlab()), encoding="utf-8")
    mended = notebooks.tidy(path)
    assert "cell 2 has outputs" in mended and "cell 3 is empty" in mended
    assert violations(path) == []
    notebook = notebooks.read(path)
    assert [cell.id for cell in notebook.cells] == ["text-01", "9f3c1a2b"]
    assert notebook.metadata.course.fingerprint == "abc"
    assert notebooks.tidy(path) == []
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_missing_ids_are_given_stably_and_do_not_collide(tmp_path: Path) -> None:
    document = tidy_document()
    document["cells"][0]["id"] = "code-02"  # the name that the second cell would get
    for cell in document["cells"][1:]:
        del cell["id"]
    path = in_file(tmp_path, document)
    first = [cell.id for cell in notebooks.read(path).cells]
    assert first == [cell.id for cell in notebooks.read(path).cells]
    assert len(set(first)) == 3 and first[0] == "code-02"


def test_reading_keeps_outputs_and_writing_drops_them(tmp_path: Path) -> None:
    path = tmp_path / "01_tensors.ipynb"
    path.write_text(nbformat.writes(edited_in_jupyterlab()), encoding="utf-8")
    notebook = notebooks.read(path)
    assert notebook.cells[1].outputs
    notebooks.write(path, notebook)
    assert notebook.cells[1].outputs and not notebooks.read(path).cells[1].outputs


def test_course_tidy_says_what_it_did(tmp_path: Path) -> None:
    good, bad = tmp_path / "01_a.ipynb", tmp_path / "02_b.ipynb"
    good.write_text(nbformat.writes(edited_in_jupyterlab()), encoding="utf-8")
    bad.write_text("{", encoding="utf-8")
    screen = io.StringIO()
    assert notebooks.tidy_all([good, bad], Console(file=screen, width=80)) == 1
    assert "01_a.ipynb: mended (" in screen.getvalue() and "02_b.ipynb is not a notebook" in screen.getvalue()
    screen = io.StringIO()
    assert notebooks.tidy_all([good], Console(file=screen, width=80)) == 0
    assert "all tidy already" in screen.getvalue()


# --- finding ---------------------------------------------------------------------------------------------------------


def test_a_lesson_is_found_by_number_name_or_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name in ("05_onnx_export.ipynb", "00_start_here.ipynb", "Untitled.ipynb", "13_dynamic_shapes.ipynb"):
        notebooks.write(folder / name, new_notebook())
    found = notebooks.lessons(tmp_path)
    assert [path.name[:2] for path in found] == ["00", "05", "13"]
    monkeypatch.chdir(folder)
    for wish in ("05", "5", "05_onnx_export", "05_onnx_export.ipynb", "../notebooks/05_onnx_export.ipynb"):
        assert notebooks.find(wish, found) == found[1]
    assert notebooks.find("0", found) == found[0]
    for wish in ("7", "onnx", "", "²", "../none.ipynb"):
        with pytest.raises(notebooks.NoSuchNotebook, match="there are: 00_start_here, 05_onnx_export"):
            notebooks.find(wish, found)


@pytest.mark.parametrize(
    ("heading", "title"),
    [
        ("# 01 · Tensors", "Tensors"),
        ("# Lab 03 · Training loop", "Training loop"),
        ("# 11 - `trt` **engine**", "trt engine"),
        ("# Plain", "Plain"),
        ("no heading", "onnx export"),
    ],
)
def test_the_title_is_the_first_heading_without_its_number(heading: str, title: str) -> None:
    assert notebooks.title(new_notebook(cells=[new_markdown_cell(heading)]), Path("05_onnx_export.ipynb")) == title
