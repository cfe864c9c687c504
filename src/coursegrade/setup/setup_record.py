"""What a set-up wrote about itself in .venv/setup.json, and what it must match to be good for the next command.

The choices are written first and the fingerprint last: a record without a fingerprint is a set-up that did not finish.
Called by `install`, before any library is there, so: standard library only.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SCHEME = 1  # raise it to make every learner's next command set up anew
STAND_INS = ("pycuda", "tensorrt")


@dataclass(frozen=True)
class Choices:
    """What was decided for this .venv. Kept, so that a later plain `make run` keeps to it."""

    extra: str  # "cpu" or "gpu"
    torch_index: str  # "" for the ordinary package index
    dev: bool
    python: str  # "3.12"


@dataclass(frozen=True)
class State:
    """What .venv/setup.json holds. `fingerprint` is "" while a set-up is under way or has failed."""

    choices: Choices
    root: str  # where the checkout lay: a virtual environment does not survive being moved or copied
    fingerprint: str = ""


def python_of(venv: Path) -> str:
    """Return the "3.12" of the Python that `venv` was made with, or "" when it has none that exists."""
    try:
        text = (venv / "pyvenv.cfg").read_text()
    except OSError:
        return ""
    match = re.search(r"^version(?:_info)? *= *(\d+\.\d+)", text, re.MULTILINE)
    return match[1] if match and (venv / "bin" / "python").exists() else ""


def read_state(venv: Path) -> State | None:
    """Return what an earlier set-up wrote, or None when there is nothing that can be read."""
    try:
        facts = json.loads((venv / "setup.json").read_text())
        return State(Choices(**facts["choices"]), str(facts["root"]), str(facts["fingerprint"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_state(venv: Path, state: State) -> None:
    """Replace .venv/setup.json in one step, so that a crash leaves the old one or the new one."""
    draft = venv / "setup.json.new"
    draft.write_text(json.dumps(asdict(state), indent=1) + "\n")
    draft.replace(venv / "setup.json")


def project_facts(root: Path) -> dict[str, Any]:
    """Return what pyproject.toml says that an installation depends on; the settings of ruff and pytest do not count."""
    import tomllib  # Python 3.11 and newer: `check_python` comes first

    facts = tomllib.loads((root / "pyproject.toml").read_text())
    return {key: facts[key] for key in ("build-system", "project")} | {"setuptools": facts["tool"]["setuptools"]}


def stand_in_folders(root: Path) -> list[Path]:
    """Return the folders of the CPU stand-ins that this checkout holds."""
    folders = [root / "standins" / name for name in STAND_INS]
    return [folder for folder in folders if (folder / "pyproject.toml").is_file()]


def fingerprint(root: Path, choices: Choices) -> str:
    """Return a hash of everything that decides what .venv must hold."""
    digest = hashlib.sha256()
    digest.update(json.dumps([SCHEME, str(root), asdict(choices), project_facts(root)], sort_keys=True).encode())
    for folder in stand_in_folders(root):
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not {"build", "__pycache__"} & set(file.parts) and ".egg-info" not in str(file):
                digest.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def installed_version(venv: Path, distribution: str) -> str | None:
    """Return the version of a distribution in `venv`, read off its folder's name; None when it is not there."""
    for folder in venv.glob(f"lib/python*/site-packages/{distribution}-*.dist-info"):
        return folder.name.removesuffix(".dist-info").removeprefix(f"{distribution}-")
    return None
