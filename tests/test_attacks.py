"""Hostile notebooks, on each rung: no point gained, the honest answer beside it graded, nothing read, changed or left.

As an ordinary user the same tests run in test_attacks_as_user.py.
"""

from __future__ import annotations

import json
import mmap
import os
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attack_cells
import numpy as np
import pytest

from coursegrade.grading.judge import LabResult, Limits, judge
from coursegrade.grading.reader import read
from coursegrade.sandbox.confinement import Caps
from coursegrade.sandbox.processes import descendants, memory
from coursegrade.sandbox.sandbox import SAFE, Sandbox, SandboxError, open_sandbox
from coursekit.paths import root

SECRET = "the judge's secret 4711"
HONEST = "def motion(clip):\n    frames = clip.float()\n    return (frames[1:] - frames[:-1]).abs().mean(dim=(1, 2))"
HONEST_POINTS = 3
QUICK = Limits(cell=2, question=2, task=4, lab=60)
BRISK = Limits(cell=1, question=1, task=2, lab=60)  # for what never ends by itself
PATIENT = Limits(cell=20, question=20, task=40, lab=200)  # for an honest answer that came too late on a busy machine
SMALL = Caps(memory=1 << 30, disk=128 << 20, file=64 << 20, files=2000, processes=32)
# Where the honest answer cannot be asked either: the code broke the process that would have answered.
OWN_GOALS = {
    "tampering: isinstance says yes", "tampering: all, any, abs lie", "tampering: the import system is replaced",
    "tampering: a finder for every module", "tampering: a trace on every call",
    "tampering: worker answers everything with True", "tampering: encode sends what it likes",
    "tampering: the compiler is replaced", "tampering: every task passes", "pipe: replies from a thread",
    "pipe: replies from a process that stays", "pipe: replies on every descriptor", "pipe: ready messages",
    "killing: the fork is replaced", "killing: waiting is replaced", "bomb: threads",
}  # fmt: skip


@pytest.fixture(scope="module", params=SAFE)
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    try:
        opened = open_sandbox((request.param,), SMALL)
    except SandboxError as problem:
        pytest.skip(str(problem))
    with opened:
        yield opened


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What the attacks aim at, really there: files, processes, listening sockets."""
    folder = tmp_path_factory.mktemp("targets")
    folder.chmod(0o777)
    for name in ("victim", "other", "secret"):
        (folder / name).write_text(f"{name}: {SECRET}")
        (folder / name).chmod(0o666)
    os.environ["GRADERS_SECRET"] = SECRET
    tcp, path, name = socket.socket(), socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    tcp.bind(("127.0.0.1", 0))
    path.bind(str(folder / "s"))
    (folder / "s").chmod(0o777)
    name.bind(f"\0course-attack-{os.getpid()}")
    for each in (tcp, path, name):
        each.listen(100)
    yield {
        "judge": str(os.getpid()),
        "solution": str(root() / "solutions" / "lab_01_tensors.ipynb"),
        "reference": str(root() / "src" / "coursekit" / "labs" / "lab_01_tensors.py"),
        "other": str(folder / "other"),
        "secret": str(folder / "secret"),
        "victim": str(folder / "victim"),
        "port": str(tcp.getsockname()[1]),
        "socket": str(folder / "s"),
        "abstract": f"course-attack-{os.getpid()}",
        "secret_text": SECRET,
    }
    for each in (tcp, path, name):
        each.close()


def notebook(path: Path, *cells: str, **metadata: Any) -> Path:
    """Write a notebook for lab 01 whose last cell is the honest answer to 1.5."""
    sources = ["import torch\nfrom torch import Tensor", *cells, HONEST]
    document = {
        "cells": [{"cell_type": "code", "source": source, "metadata": {}, "outputs": []} for source in sources],
        "metadata": {"course": {"lab": "01"}} | metadata,
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def graded(path: Path, sandbox: Sandbox, limits: Limits = QUICK) -> LabResult:
    return judge(read(path), limits, sandbox, b"a key")


def everything_below(folder: Path) -> dict[str, tuple[int, int, str]]:
    facts = {path: path.lstat() for path in sorted(folder.rglob("*"))}
    return {
        str(path): (fact.st_mode, fact.st_mtime_ns, path.read_text() if stat.S_ISREG(fact.st_mode) else "")
        for path, fact in facts.items()
    }


@pytest.mark.parametrize("name", attack_cells.ALL)
def test_an_attack_gains_nothing_and_leaves_nothing(
    name: str, sandbox: Sandbox, targets: dict[str, str], tmp_path: Path
) -> None:
    source = attack_cells.ALL[name]
    for word, value in targets.items():
        source = source.replace(f"@{word}@", value)
    path = notebook(tmp_path / "lab_01_attack.ipynb", source)
    folder = Path(targets["victim"]).parent
    before = everything_below(folder), path.read_bytes()

    for limits in (BRISK if "endless loop" in name or "without end" in name else QUICK, PATIENT):
        result = graded(path, sandbox, limits)
        states = {outcome.task.number: outcome.state for outcome in result.outcomes}
        said = [str(outcome) for outcome in result.outcomes]
        if name in OWN_GOALS or "ran longer than" not in said[-1]:
            break

    assert result.score <= HONEST_POINTS and "passed" not in [states[n] for n in ("1.1", "1.2", "1.3", "1.4")], said
    assert name in OWN_GOALS or states["1.5"] == "passed", said
    if states["1.5"] != "passed":  # then the neighbour, who is graded next in the same sandbox, shows that it serves on
        neighbour = graded(notebook(tmp_path / "lab_01_neighbour.ipynb"), sandbox, PATIENT)
        assert neighbour.score == HONEST_POINTS, [str(outcome) for outcome in neighbour.outcomes]
    assert "STOLEN" not in result.log, result.log
    assert (everything_below(folder), path.read_bytes()) == before
    assert not any(sign in line for line in said for sign in "\x1b\u202e\ud800")
    assert len(result.log) < 100_000
    assert left_of(sandbox) == []
    if sandbox.walls.user is not None:
        assert processes_of(sandbox.walls.user) == []
    for place in ("/tmp/attack", "/dev/shm/attack", "/dev/mqueue/attack"):
        assert not Path(place).exists()


def test_page_tables_count_as_memory() -> None:
    no_reserve = 0x4000  # mmap.MAP_NORESERVE, since Python 3.12
    pages = mmap.mmap(-1, 1 << 36, mmap.MAP_PRIVATE | no_reserve, mmap.PROT_READ)
    before = memory([os.getpid()])
    assert not np.frombuffer(pages, np.uint8)[:: 2 << 20].any()  # zeros take no memory, the table of each 2 MiB does
    assert memory([os.getpid()]) - before > 100 << 20
    pages.close()


def left_of(sandbox: Sandbox) -> list[int]:
    """Return what still runs below the sandbox but its own processes: a keeper, a nursery, and bubblewrap's two."""
    assert sandbox.process is not None and sandbox.process.poll() is None
    own = 3 if sandbox.rung == "bubblewrap" else 1
    end = time.monotonic() + 5
    while len(found := descendants(sandbox.process.pid)) > own and time.monotonic() < end:
        time.sleep(0.05)
    return found[own:]


def processes_of(user: int) -> list[str]:
    def owner(entry: Path) -> int:
        try:
            return entry.stat().st_uid
        except OSError:
            return -1

    return [entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit() and owner(entry) == user]
