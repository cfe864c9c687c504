"""Find what a class handed in: DIR/<student>/<lab>.ipynb, or nbgrader's DIR/submitted/<student>/<lab>/<any>.ipynb.

Only names are looked at here; no link is followed. What is inside is `reader`'s business. Called by `batch`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

KINDS = (".ipynb", ".zip")  # an archive is not opened, but it gets its row


@dataclass(frozen=True)
class Found:
    """One file handed in: whose it is, and a name for it that is the student's only once."""

    student: str
    name: str
    path: Path


def find(folder: Path, leave_out: Path) -> list[Found]:
    """Return every submission below `folder`, in order; NotADirectoryError if there is no such folder."""
    if not folder.is_dir():
        raise NotADirectoryError(f"There is no folder {folder}.")
    inner = folder / "submitted"
    top = inner if inner.is_dir() and not inner.is_symlink() else folder
    found = []
    for student in _entries(top):
        if student.is_dir(follow_symlinks=False) and Path(student.path).resolve() != leave_out.resolve():
            found += _of(student)
    return found


def _of(student: os.DirEntry[str]) -> list[Found]:
    found = []
    for entry in _entries(Path(student.path)):
        if Path(entry.name).suffix.lower() in KINDS:
            found.append(Found(student.name, Path(entry.name).stem, Path(entry.path)))
        elif entry.is_dir(follow_symlinks=False):
            for inner in _entries(Path(entry.path)):
                if Path(inner.name).suffix.lower() in KINDS:
                    name = f"{entry.name}.{Path(inner.name).stem}"
                    found.append(Found(student.name, name, Path(inner.path)))
    names: dict[str, int] = {}
    for index, each in enumerate(found):  # x.ipynb beside x.zip: two rows, two folders
        names[each.name] = names.get(each.name, 0) + 1
        if names[each.name] > 1:
            found[index] = Found(each.student, f"{each.name} ({names[each.name]})", each.path)
    return found or [Found(student.name, "nothing", Path(student.path) / "nothing handed in.ipynb")]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((each for each in entries if not each.name.startswith(".")), key=lambda each: each.name)
    except OSError:
        return []
