"""Read a submission as text: the sources of its cells and which tasks they answer, nothing else of the file.

The file is not trusted: no link is followed, its size is limited, and only JSON is parsed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_BYTES = 16 << 20
MAX_ANSWER = 10_000  # characters of an answer in words


class Unreadable(Exception):
    """A submission that cannot be read; the message is one sentence for its owner."""


@dataclass(frozen=True)
class Cell:
    """A code cell to run: its place in the notebook (1 is the first cell), its source, and the task it answers."""

    position: int
    source: str
    task: str | None


@dataclass(frozen=True)
class Submission:
    """A notebook handed in: which lab it is ("03"), its code cells in order, and remarks for its owner."""

    path: Path
    lab: str
    cells: tuple[Cell, ...]
    remarks: tuple[str, ...] = ()
    sha256: str = "00" * 32  # of the file, as it was handed in
    words: tuple[tuple[str, str], ...] = ()  # ("3.E", the answer in Markdown), for a person to mark


def read(path: Path) -> Submission:
    """Read the notebook at `path`; Unreadable if it is missing, no regular file, too large, no notebook, or no lab."""
    data = _contents(path)
    document = _parse(data, path.name)
    lab = _lab_number(document, path)
    cells, words = [], []
    for position, cell in enumerate(document["cells"], start=1):
        if not isinstance(cell, dict):
            continue
        source = _source(cell)
        facts = _course_facts(cell)
        explains = facts.get("explain")
        if cell.get("cell_type") == "markdown" and isinstance(explains, str):
            words.append((explains, source[:MAX_ANSWER]))
        if cell.get("cell_type") != "code":
            continue
        if not source.strip() or re.fullmatch(r"\s*check\(.*\)\s*", source):
            continue
        task = facts.get("task")
        cells.append(Cell(position, source, task if isinstance(task, str) else None))
    remarks = []
    if not cells:
        remarks.append("The notebook has no code cells.")
    language = _language(document)
    if language not in ("", "python"):
        remarks.append(f"The notebook's kernel is for {language!r}; its cells were run as Python.")
    return Submission(path, lab, tuple(cells), tuple(remarks), hashlib.sha256(data).hexdigest(), tuple(words))


def _contents(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise Unreadable(f"There is no file {path}.") from None
    except OSError as error:
        raise Unreadable(f"{path.name} cannot be opened: {error.strerror}.") from None
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise Unreadable(f"{path.name} is not a regular file.")
        if facts.st_size > MAX_BYTES:
            raise Unreadable(f"{path.name} has {facts.st_size >> 20} MiB; {MAX_BYTES >> 20} MiB are read at most.")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)


def _parse(data: bytes, name: str) -> dict[str, Any]:
    if not data.strip():
        raise Unreadable(f"{name} is empty.")
    try:
        document = json.loads(data.decode("utf-8-sig"))  # some editors on Windows write a mark in front
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        detail = f" ({error})" if isinstance(error, json.JSONDecodeError) else ""
        raise Unreadable(f"{name} is not a notebook: its text is not JSON{detail}.") from None
    if not isinstance(document, dict) or not isinstance(document.get("cells"), list):
        raise Unreadable(f"{name} is JSON, but not a notebook: it has no list of cells.")
    return document


def _lab_number(document: dict[str, Any], path: Path) -> str:
    metadata = document.get("metadata")
    course = metadata.get("course") if isinstance(metadata, dict) else None
    number = course.get("lab") if isinstance(course, dict) else None
    if isinstance(number, str) and re.fullmatch(r"\d\d", number):
        return number
    found = re.search(r"lab_(\d\d)", path.name)
    if found is None:
        raise Unreadable(f"{path.name} does not say which lab it is: keep the name that the lab came with.")
    return found[1]


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    if isinstance(source, list):
        return "".join(part for part in source if isinstance(part, str))
    return source if isinstance(source, str) else ""


def _course_facts(cell: dict[str, Any]) -> dict[str, Any]:
    metadata = cell.get("metadata")
    facts = metadata.get("course") if isinstance(metadata, dict) else None
    return facts if isinstance(facts, dict) else {}


def _language(document: dict[str, Any]) -> str:
    metadata = document.get("metadata")
    kernel = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    language = kernel.get("language") if isinstance(kernel, dict) else None
    return language.lower() if isinstance(language, str) else ""
