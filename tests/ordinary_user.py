"""Run a command as an ordinary user, for tests that are themselves run as root.

Python and the course may lie in folders that only root may enter; then the command gets a view of the machine, made by
bubblewrap, in which the way to them is open. The user is a real one of the kernel's, not one of a user namespace.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from coursekit.paths import root

USER = 61183  # of nobody; the sandbox's own spare users end below it
CLOSED = 0o005  # what other users need of a folder: to list it and to pass through


def _as_user(command: list[str]) -> list[str]:
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--bounding-set=-all", *command]


def _view() -> list[str]:
    """Return bubblewrap's arguments for the whole machine, with the folders on the way to Python and here opened."""
    line = ["bwrap", "--dev-bind", "/", "/"]  # with /proc as it is: bubblewrap inside asks for a whole one
    wanted = (Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve(), root(), Path(__file__).parent)
    opened: set[Path] = set()
    for path in wanted:
        for folder in (*reversed(path.parents), *([path] if path.is_dir() else [])):
            if folder in opened or folder == Path("/") or folder.stat().st_mode & CLOSED == CLOSED:
                continue
            opened.add(folder)
            line += ["--tmpfs", str(folder)]
            for child in folder.iterdir():  # only what leads to Python and the course comes into view
                if folder in wanted or any(child == each or child in each.parents for each in wanted):
                    line += ["--ro-bind", str(child), str(child)]
            line += ["--chmod", "0755", str(folder)]
    return line


@cache
def prefix() -> tuple[str, ...] | None:
    """Return the words to put before a command, () if we are an ordinary user already, None if there is no way."""
    if os.getuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        return None
    same = f"import sys, os, torch, coursekit; assert os.getuid() != 0 and sys.version == {sys.version!r}"
    try_out = [sys.executable, "-c", same]
    ways: list[list[str]] = [[]]
    if shutil.which("bwrap") is not None:
        ways.append(_view())
    for way in ways:
        command = [*way, *_as_user([])]
        tried = subprocess.run([*command, *try_out], capture_output=True, timeout=120, check=False, cwd="/")
        if tried.returncode == 0:
            return tuple(command)
    return None
