"""Find what a class handed in, as learning platforms lay it out.

DIR/<student>/<lab>.ipynb (Moodle), nbgrader's DIR/submitted/<student>/<lab>/<any>.ipynb, a repository for each student
(GitHub Classroom), or flat files whose names begin with the student's (Canvas): DIR/<student>_lab_03_<any>.ipynb.
Only names are looked at here; no link is followed. What is inside is `reader`'s business. Called by `batch`.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

KINDS = (".ipynb", ".zip")  # an archive is not opened, but it gets its row
OURS = ("batch.json", "by_a_person", "class.html", "scores.csv")  # what lies in OUT beside the students' folders
NO_STUDENT = ("__MACOSX",)  # macOS packs it into archives
LONGEST = 200  # bytes of a folder's name in OUT; file systems take 255


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
    for entry in _entries(top):
        if _is_kind(entry):
            found.append(_flat(Path(entry.path)))
        elif entry.is_dir(follow_symlinks=False) and Path(entry.path).resolve() != leave_out.resolve():
            found += _of(entry) if entry.name not in NO_STUDENT else []
    return _with_folders_of_their_own(found)


def _flat(path: Path) -> Found:
    """Return a file that says itself whose it is: by what stands before lab_NN in its name, or by all of it."""
    whose, lab = re.fullmatch(r"(?:(.+?)[_\W]*)??(lab_\d\d.*)?", path.stem, re.DOTALL | re.IGNORECASE).groups()  # type: ignore[union-attr]
    return Found(whose or path.stem, lab or path.stem, path)


def _of(student: os.DirEntry[str]) -> list[Found]:
    found = []
    for entry in _entries(Path(student.path)):
        if _is_kind(entry):
            found.append(Found(student.name, Path(entry.name).stem, Path(entry.path)))
        elif entry.is_dir(follow_symlinks=False):
            for inner in _entries(Path(entry.path)):
                if _is_kind(inner):
                    name = f"{entry.name}.{Path(inner.name).stem}"
                    found.append(Found(student.name, name, Path(inner.path)))
    return found or [Found(student.name, "nothing", Path(student.path) / "nothing handed in.ipynb")]


def _is_kind(entry: os.DirEntry[str]) -> bool:
    return Path(entry.name).suffix.lower() in KINDS


def _with_folders_of_their_own(found: list[Found]) -> list[Found]:
    """Return `found` with names that no two share (x.ipynb beside x.zip), that are short enough, and none of ours."""
    taken: set[tuple[str, str]] = set()
    renamed = []
    for each in found:
        student = _short(f"{each.student}_" if each.student in OURS else each.student)
        wished = name = _short(each.name)
        count = 1
        while (student, name) in taken:
            count += 1
            name = f"{wished} ({count})"
        taken.add((student, name))
        renamed.append(Found(student, name, each.path))
    return renamed


def _short(name: str) -> str:
    data = os.fsencode(name)
    if len(data) <= LONGEST:
        return name
    return data[: LONGEST - 9].decode("utf-8", "ignore") + "~" + hashlib.sha256(data).hexdigest()[:8]


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted((each for each in entries if not each.name.startswith(".")), key=lambda each: each.name)
    except OSError:
        return []
