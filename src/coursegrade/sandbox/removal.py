"""Remove folders that a learner's code has written: nested without end, closed to their owner, full of odd names."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path


def remove(folder: Path) -> None:
    """Remove a folder and all below it, however deep it is and whatever its modes are."""
    with contextlib.suppress(OSError, RecursionError):
        shutil.rmtree(folder)
        return
    quiet = subprocess.DEVNULL
    for command in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):  # they do not follow links, and mind no depth
        subprocess.run([*command, str(folder)], stdout=quiet, stderr=quiet, check=False)
