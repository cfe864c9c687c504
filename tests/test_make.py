"""The Makefile: its help is complete, its targets run what they say, and `clean` loses nobody's work."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TARGETS = ["setup", "run", "lab", "grade", "test", "test-full", "labs", "reset", "doctor", "bench", "clean", "help"]


def make(folder: Path, *arguments: str, timeout: int = 60) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key != "MFLAGS"}
    for variable in ("PYTHON", "EXTRA", "TORCH_INDEX", "LESSON", "LAB"):
        kept.pop(variable, None)
    return subprocess.run(["make", *arguments], cwd=folder, env=kept, capture_output=True, text=True, timeout=timeout)


def copy_of_the_course(folder: Path) -> Path:
    """Copy the working tree without anything that was built in it: what a fresh clone has."""
    built = shutil.ignore_patterns(".venv", "build", ".git", "__pycache__", "*.egg-info", ".*_cache", ".hypothesis")
    return Path(shutil.copytree(ROOT, folder / "a course", ignore=built))


def test_make_alone_is_the_help_with_one_line_for_each_target() -> None:
    alone = make(ROOT)
    assert alone.returncode == 0
    assert alone.stdout == make(ROOT, "help").stdout
    lines = re.findall(r"^  make ([a-z-]+)", alone.stdout, re.MULTILINE)
    assert sorted(lines) == sorted(TARGETS)
    assert max(map(len, alone.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["run"], ".venv/bin/course run"),
        (["run", "LESSON=05"], ".venv/bin/course run 05"),
        (["grade"], ".venv/bin/course grade"),
        (["grade", "LAB=03"], ".venv/bin/course grade --lab 03"),
        (["labs"], ".venv/bin/course labs"),
        (["reset", "LAB=03"], ".venv/bin/course reset 03"),
        (["doctor"], ".venv/bin/course doctor"),
        (["test"], '-m "not full"'),
        (["test-full"], ".venv/bin/mypy .venv/bin/python -m pytest"),
        (["lab"], ".venv/bin/jupyter lab"),
        (["bench"], "benchmarks/*.py"),
    ],
)
def test_a_target_sets_up_and_then_runs_its_command(arguments: list[str], command: str) -> None:
    dry = make(ROOT, "-n", *arguments)
    assert dry.returncode == 0, dry.stderr
    assert command in " ".join(dry.stdout.split())
    set_up = dry.stdout.index("src/coursegrade/setup/install.py")
    assert set_up < dry.stdout.index(command.split()[0])
    assert ("--dev" in dry.stdout) == arguments[0].startswith("test")


def test_the_choices_reach_the_set_up() -> None:
    dry = make(ROOT, "-n", "setup", f"PYTHON={sys.executable}", "EXTRA=cpu", "TORCH_INDEX=file:///wheels")
    for words in (f'"{sys.executable}"', "--use-this-python", '--extra "cpu"', '--torch-index "file:///wheels"'):
        assert words in dry.stdout


def test_a_python_that_does_not_run_is_one_sentence() -> None:
    done = make(ROOT, "setup", "PYTHON=python-that-is-not-there")
    assert done.returncode != 0
    assert "PYTHON=python-that-is-not-there is not a Python 3.11, 3.12 or 3.13" in done.stderr
    assert "Traceback" not in done.stderr


def test_clean_empties_build_and_keeps_labs_and_backups(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("build/html/index.html", "build/backup/lab_03.ipynb", "labs/lab_03.ipynb", ".venv/bin/python"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("work")
    done = make(tmp_path, "clean")
    assert done.returncode == 0, done.stderr
    left = sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file())
    assert left == [".venv/bin/python", "Makefile", "build/backup/lab_03.ipynb", "labs/lab_03.ipynb"]
    assert "labs/ was not touched" in done.stdout
    assert make(tmp_path, "clean").returncode == 0
    shutil.rmtree(tmp_path / "build")
    assert make(tmp_path, "clean").returncode == 0


@pytest.mark.full
def test_a_fresh_clone_sets_up_and_the_second_time_is_quick(tmp_path: Path) -> None:
    course = copy_of_the_course(tmp_path)  # its name has a space
    first = make(course, "setup", timeout=900)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "The course can run." in first.stdout
    start = time.monotonic()
    second = make(course, "setup")
    assert time.monotonic() - start < 1.0
    assert "nothing has changed" in second.stdout
    assert make(course, "doctor").returncode == 0
