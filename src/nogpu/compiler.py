"""Find the C++ compiler that turns CUDA C into CPU code.

Called by the set-up and the doctor, and by whatever compiles kernels for the CPU.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

CANDIDATES = ("g++", "clang++", "c++")


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler that answered when it was asked for its version."""

    path: Path
    version: str  # first line of `--version`, e.g. "g++ (Debian 12.2.0-14) 12.2.0"


def find_compiler() -> Compiler | None:
    """Return the first compiler that works, or None.

    The environment variable CXX, if set, is the only candidate: a wish that fails should be seen, not replaced.
    """
    wish = os.environ.get("CXX", "").strip()
    for name in (wish,) if wish else CANDIDATES:
        path = shutil.which(name)
        if path is None:
            continue
        try:
            answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if answer.returncode == 0 and answer.stdout.strip():
            return Compiler(Path(path), answer.stdout.strip().splitlines()[0])
    return None
