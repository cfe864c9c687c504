"""Processes seen from outside, through /proc: who descends from whom, what they hold, and how to end them all.

Used by `sandbox.nursery` on the learner's processes. Killing a process group would miss a child that called setsid;
a subreaper's descendants miss nobody.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")


def descendants(ancestor: int) -> list[int]:
    """Return the processes below `ancestor`, dead but unreaped ones left out. Empty where there is no /proc."""
    children: dict[int, list[int]] = {}
    for entry in os.scandir(PROC) if PROC.is_dir() else ():
        if entry.name.isdigit():
            parent, state = _parent_and_state(int(entry.name))
            if state != "Z":
                children.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    waiting = [ancestor]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            found.append(child)
            waiting.append(child)
    return found


def _parent_and_state(process: int) -> tuple[int, str]:
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="latin-1")
    except OSError:
        return 0, "Z"
    fields = text[text.rindex(")") + 2 :].split()  # the name before it may hold spaces and brackets
    state = fields[0]
    if state == "Z" and _threads(process) > 1:  # its first thread has ended, others have not
        state = "S"
    return int(fields[1]), state


def _threads(process: int) -> int:
    try:
        return sum(1 for _ in os.scandir(f"/proc/{process}/task"))
    except OSError:
        return 0


def memory(processes: Iterable[int]) -> int:
    """Return the bytes of memory that these processes hold: their own pages, shared memory, page tables; no files."""
    total = 0
    for process in processes:
        for line in _lines(process, "status"):
            if line.startswith(("RssAnon:", "RssShmem:", "VmPTE:")):
                total += int(line.split()[1]) << 10
    return total


def written(processes: Iterable[int]) -> int:
    """Return the bytes that these processes, and their children already gone, have made the kernel write to a disk."""
    total = 0
    for process in processes:
        for line in _lines(process, "io"):
            if line.startswith("write_bytes:"):
                total += int(line.split()[1])
    return total


def _lines(process: int, name: str) -> list[str]:
    try:
        return Path(f"/proc/{process}/{name}").read_text(encoding="latin-1").splitlines()
    except OSError:
        return []


def threads_of(user: int) -> int:
    """Return how many threads a user has now: what RLIMIT_NPROC counts."""
    count = 0
    for entry in os.scandir(PROC) if PROC.is_dir() else ():
        if entry.name.isdigit():
            lines = _lines(int(entry.name), "status")
            if any(line.split()[1:2] == [str(user)] for line in lines if line.startswith("Uid:")):
                count += sum(int(line.split()[1]) for line in lines if line.startswith("Threads:"))
    return count


def end_all(ancestor: int, spare: int | None = None, seconds: float = 10.0) -> bool:
    """Kill everything below `ancestor` but `spare`; True when nothing is left."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        alive = [process for process in descendants(ancestor) if process != spare]
        if not alive:
            reap(spare)
            return True
        for kind in (signal.SIGSTOP, signal.SIGKILL):  # stopped first: what forks faster than it is killed
            for process in alive:
                _signal(process, kind)
        reap(spare)
        time.sleep(0.002)
    return False


def _signal(process: int, kind: signal.Signals) -> None:
    with contextlib.suppress(OSError):
        os.kill(process, kind)


def reap(spare: int | None = None) -> bool:
    """Collect every dead child; True if `spare` was among them."""
    seen = False
    try:
        while (found := os.waitpid(-1, os.WNOHANG)[0]) != 0:
            seen = seen or found == spare
    except ChildProcessError:
        pass
    return seen
