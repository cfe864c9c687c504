"""Read, find and write notebooks in the one form in which this course commits them.

nbformat 4.5, indent 1, sorted keys, no outputs, no execution counts, only metadata that says something, ids that stay:
so a change in git shows what its author changed. Called by the runner, the lab generator, `course tidy` and the tests.
What a notebook may contain beyond its form (STYLE's limits) is `notebook_rules`' business.
"""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from rich.console import Console

from coursekit import paths

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE_INFO = {"name": "python"}
CELL_METADATA = ("course", "nbgrader", "tags")
NOTEBOOK_METADATA = ("course",)  # besides kernelspec and language_info
CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")  # nbformat 4.5's own rule
LESSON_NAME = re.compile(r"(\d\d)_[a-z0-9_]+\.ipynb")
LAB_NAME = re.compile(r"lab_(\d\d)_[a-z0-9_]+\.ipynb")


class NotANotebook(Exception):
    """A file that cannot be read as a notebook; the message is one sentence for its owner."""


class NoSuchNotebook(Exception):
    """A lesson or lab that was asked for and does not exist; the message is one sentence that lists what there is."""


# --- finding ---------------------------------------------------------------------------------------------------------


def lessons(root: Path) -> list[Path]:
    """Return the lessons of the course at `root`, in order: notebooks/NN_name.ipynb."""
    return _named(root / "notebooks", LESSON_NAME)


def labs(root: Path) -> list[Path]:
    """Return the learner's labs, in order: labs/lab_NN_name.ipynb."""
    return _named(root / "labs", LAB_NAME)


def solutions(root: Path) -> list[Path]:
    """Return the solved labs, in order: solutions/lab_NN_name.ipynb."""
    return _named(root / "solutions", LAB_NAME)


def committed(root: Path) -> list[Path]:
    """Return every notebook that the course commits: lessons, solutions and labs."""
    return [*lessons(root), *solutions(root), *labs(root)]


def _named(folder: Path, pattern: re.Pattern[str]) -> list[Path]:
    return sorted(path for path in folder.glob("*.ipynb") if pattern.fullmatch(path.name) and path.is_file())


def number(path: Path) -> str:
    """Return the two digits in a lesson's or lab's file name; "" if it has none."""
    match = LESSON_NAME.fullmatch(path.name) or LAB_NAME.fullmatch(path.name)
    return match[1] if match else ""


def find(wish: str, among: Iterable[Path], kind: str = "lesson") -> Path:
    """Return the notebook that `wish` names: by number ("05" or "5"), name (with or without .ipynb) or path.

    NoSuchNotebook, with what there is, if none fits; `kind` is the word for it in that sentence.
    """
    known = list(among)
    wish = wish.strip()
    for path in known:
        by_number = wish.isdecimal() and number(path) != "" and int(wish) == int(number(path))
        if by_number or wish in (path.name, path.stem) or Path(wish).resolve() == path.resolve():
            return path
    there_is = f"there are: {', '.join(path.stem for path in known)}" if known else f"there are no {kind}s here"
    raise NoSuchNotebook(f"There is no {kind} {wish!r}; {there_is}.")


# --- reading ---------------------------------------------------------------------------------------------------------


def read(path: Path) -> NotebookNode:
    """Return the notebook at `path`, brought to nbformat 4.5 with an id for each cell; outputs are kept.

    NotANotebook if the file is missing, cannot be read, is not JSON, or is not a notebook.
    """
    return _upgraded(parse(path), path.name)


def parse(path: Path) -> dict[str, Any]:
    """Return a notebook's JSON just as the file has it, once it is sure to be an object with cells."""
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise NotANotebook(f"There is no file {path}.") from None
    except OSError as error:
        raise NotANotebook(f"{path.name} cannot be read: {error.strerror}.") from None
    except json.JSONDecodeError as error:
        where = f"{error.msg}, line {error.lineno}, column {error.colno}" if error.doc.strip() else "the file is empty"
        raise NotANotebook(f"{path.name} is not a notebook: its text is not JSON ({where}).") from None
    except (UnicodeDecodeError, RecursionError):
        raise NotANotebook(f"{path.name} is not a notebook: its text is not JSON.") from None
    if not isinstance(document, dict) or not isinstance(document.get("cells", document.get("worksheets")), list):
        raise NotANotebook(f"{path.name} is JSON, but not a notebook: it has no list of cells.")
    return document


def _upgraded(document: dict[str, Any], name: str) -> NotebookNode:
    major = document.get("nbformat")
    if major not in (2, 3, 4):
        raise NotANotebook(f"{name} is in notebook format {major!r}; this course reads format 4.")
    try:
        notebook = nbformat.from_dict(document)
        if major < 4:
            notebook = nbformat.convert(notebook, 4)
        notebook.nbformat_minor = 5
        for cell in notebook.cells:
            if isinstance(cell.get("source"), list):
                cell.source = "".join(cell.source)
            for output in cell.get("outputs", []):
                _join_lines(output)
        _give_ids(notebook)
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        raise NotANotebook(f"{name} is not a valid notebook: {str(error).splitlines()[0].rstrip('.')}.") from None
    except (AttributeError, KeyError, TypeError, ValueError):
        raise NotANotebook(f"{name} is not a valid notebook: a cell has parts that are missing or wrong.") from None
    return notebook


def _join_lines(output: NotebookNode) -> None:
    if isinstance(output.get("text"), list):
        output.text = "".join(output.text)
    for kind, content in output.get("data", {}).items():
        if isinstance(content, list) and not kind.endswith("json"):
            output.data[kind] = "".join(content)


def _give_ids(notebook: NotebookNode) -> None:
    """Keep every valid id; name cells without one, and the second of two with the same, text-NN or code-NN."""
    taken: set[str] = {cell["id"] for cell in notebook.cells if _is_id(cell.get("id"))}
    seen: set[str] = set()
    counter = 0
    for cell in notebook.cells:
        if not _is_id(cell.get("id")) or cell["id"] in seen:
            while True:
                counter += 1
                cell["id"] = f"{'code' if cell.cell_type == 'code' else 'text'}-{counter:02d}"
                if cell["id"] not in taken:
                    break
            taken.add(cell["id"])
        seen.add(cell["id"])


def _is_id(value: object) -> bool:
    return isinstance(value, str) and CELL_ID.fullmatch(value) is not None


def source(cell: dict[str, Any]) -> str:
    """Return a cell's text, whether the file has it as one string or as a list of lines."""
    text = cell.get("source", "")
    return "".join(text) if isinstance(text, list) else str(text)


def title(notebook: NotebookNode, path: Path) -> str:
    """Return what the first heading calls the notebook, without its number: "# 01 · Tensors" is "Tensors"."""
    for cell in notebook.cells:
        heading = re.search(r"^#\s+(.+?)\s*#*$", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else None
        if heading:
            bare = re.sub(r"^(?:lab\s+)?\d+\s*[·.:–—-]*\s*", "", heading[1], flags=re.IGNORECASE)
            return re.sub(r"[*_`]", "", bare) or path.stem
    return re.sub(r"^(?:lab_)?\d\d_", "", path.stem).replace("_", " ")


# --- writing ---------------------------------------------------------------------------------------------------------


def canonical(notebook: NotebookNode) -> NotebookNode:
    """Return a copy in the form that is committed: no outputs, no counts, no empty cells, known metadata only."""
    tidied = copy.deepcopy(notebook)
    tidied.nbformat, tidied.nbformat_minor = 4, 5
    kept = {key: tidied.metadata[key] for key in NOTEBOOK_METADATA if key in tidied.metadata}
    tidied.metadata = nbformat.from_dict({"kernelspec": KERNELSPEC, "language_info": LANGUAGE_INFO, **kept})
    for cell in tidied.cells:
        cell.metadata = nbformat.from_dict({key: cell.metadata[key] for key in CELL_METADATA if cell.metadata.get(key)})
        if cell.cell_type == "code":
            cell.execution_count, cell.outputs = None, []
    tidied.cells = [cell for cell in tidied.cells if cell.source.strip() or cell.metadata]
    _give_ids(tidied)
    return tidied


def text(notebook: NotebookNode) -> str:
    """Return the notebook as the text of a committed file."""
    tidied = canonical(notebook)
    nbformat.validate(tidied)
    written: str = nbformat.writes(tidied, version=4, indent=1, sort_keys=True, ensure_ascii=False)
    return written.rstrip("\n") + "\n"


def write(path: Path, notebook: NotebookNode) -> None:
    """Write the notebook in its committed form. The old file is replaced only by a whole new one."""
    target = path.resolve()
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.unfinished")
    try:
        unfinished.write_text(text(notebook), encoding="utf-8", newline="\n")
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def tidy(path: Path) -> list[str]:
    """Bring a notebook into the committed form; return in plain words what that took, nothing if it was tidy already.

    NotANotebook if it cannot be read; the file is then left as it is.
    """
    before = path.read_bytes() if path.is_file() else b""
    notebook = read(path)
    if before == text(notebook).encode():
        return []
    mended = untidiness(parse(path))
    write(path, notebook)
    return mended or ["wrote its JSON in the canonical form"]


def untidiness(document: dict[str, Any]) -> list[str]:
    """Say in plain words what `tidy` would change in a notebook's JSON, the layout of the text itself left aside."""
    found: list[str] = []
    cells = [cell for cell in document.get("cells", []) if isinstance(cell, dict)]
    version = (document.get("nbformat"), document.get("nbformat_minor"))
    if version != (4, 5):
        found.append(f"its format is {version[0]}.{version[1]}, not 4.5")
    metadata = document.get("metadata") or {}
    extra = sorted(set(metadata) - {"kernelspec", "language_info", *NOTEBOOK_METADATA})
    if extra:
        found.append(f"the notebook's metadata has {', '.join(extra)}")
    if metadata.get("kernelspec") != KERNELSPEC or metadata.get("language_info") != LANGUAGE_INFO:
        found.append("its kernelspec or language_info is not the plain python3 one")
    for position, cell in enumerate(cells, start=1):
        if cell.get("outputs"):
            found.append(f"cell {position} has outputs")
        if cell.get("execution_count") is not None:
            found.append(f"cell {position} has an execution count")
        facts = cell.get("metadata") or {}
        unknown = sorted(key for key, value in facts.items() if key not in CELL_METADATA or not value)
        if unknown:
            found.append(f"cell {position} has the metadata {', '.join(unknown)}")
        if not source(cell).strip() and not set(facts) & set(CELL_METADATA):
            found.append(f"cell {position} is empty")
    return found + _id_trouble(cells)


def _id_trouble(cells: list[dict[str, Any]]) -> list[str]:
    found = []
    first: dict[Any, int] = {}
    for position, cell in enumerate(cells, start=1):
        name = cell.get("id")
        if name is None:
            found.append(f"cell {position} has no id")
        elif not _is_id(name):
            found.append(f"cell {position} has an invalid id, {name!r}")
        elif name in first:
            found.append(f"cells {first[name]} and {position} have the same id, {name!r}")
        else:
            first[name] = position
    return found


def tidy_all(wishes: list[Path], console: Console) -> int:
    """Do the work of `course tidy [PATH…]`: tidy these notebooks, or the course's own; exit status 1 if one failed."""
    chosen = wishes or committed(paths.root())
    status = 0
    changed = 0
    for path in chosen:
        try:
            mended = tidy(path)
        except (NotANotebook, OSError) as error:
            console.print(str(error), markup=False, soft_wrap=True)
            status = 1
            continue
        changed += bool(mended)
        if mended:
            rest = f"; and {len(mended) - 3} more" if len(mended) > 3 else ""
            console.print(f"{path.name}: mended ({'; '.join(mended[:3])}{rest})", markup=False, soft_wrap=True)
    if status == 0 and changed == 0:
        console.print("There are no notebooks here." if not chosen else f"{len(chosen)} notebooks, all tidy already.")
    return status
