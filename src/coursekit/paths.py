"""Where the course lies on this machine. Every other room asks here, none builds a path of its own."""

from __future__ import annotations

import os
from pathlib import Path


def root() -> Path:
    """Return the course's top folder: the one that holds notebooks/, labs/ and data/.

    The environment variable COURSE_ROOT wins; then the nearest folder at or above the working directory;
    then the checkout that this package was installed from. FileNotFoundError if none of them is a course.
    """
    wish = os.environ.get("COURSE_ROOT")
    places = [Path(wish)] if wish else [Path.cwd(), *Path.cwd().parents, Path(__file__).resolve().parents[2]]
    for place in places:
        if (place / "notebooks").is_dir() and (place / "data").is_dir():
            return place.resolve()
    raise FileNotFoundError(
        f"no course found from {places[0]}: run this inside the course's folder, or set COURSE_ROOT to it"
    )


def data_dir() -> Path:
    """Return data/, which ships with the course and is only read."""
    return root() / "data"


def build_dir() -> Path:
    """Return build/, made if missing: everything the course writes goes there, and all of it can be made again."""
    folder = root() / "build"
    folder.mkdir(exist_ok=True)
    return folder
