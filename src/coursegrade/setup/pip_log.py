"""What pip's output means: one word for the progress line, one sentence when pip fails.

Called by `install`, before anything is installed, so: standard library only. Pip has no exit codes of its own for
these causes, so its words are read; every text matched here was seen from pip 23.2 or is Python's own error text.
"""

from __future__ import annotations

import re

_DISK = ("No space left on device", "Disk quota exceeded")
_NETWORK = (
    "WARNING: Retrying",  # pip says so before each new try of a connection that broke
    "NewConnectionError",
    "Could not fetch URL",
    "ReadTimeoutError",
    "ConnectionResetError",
    "IncompleteRead",
    "SSLError",
    "ProxyError",
)
_UNWRITABLE = ("Read-only file system", "Permission denied")


def stage(line: str) -> str | None:
    """Return what pip's line says it is doing, for the progress display; None when it says nothing new."""
    line = line.strip()
    if match := re.match(r"(?:Collecting|Processing|Obtaining) (\S+)", line):
        return f"looking up {_project(match[1])}"
    if line.startswith("Downloading") and ".metadata" not in line:
        match = re.match(r"Downloading (\S+)(?: (\(.*\)))?", line)
        return f"downloading {_project(match[1])} {match[2] or ''}".rstrip() if match else None
    if match := re.match(r"Building (?:wheel|editable) for (\S+)", line):
        return f"building {match[1]}"
    if line.startswith("Installing build dependencies"):
        return "fetching the build tools"
    if line.startswith("Installing collected packages"):
        return f"writing {line.count(',') + 1} packages into .venv"
    if line.startswith("WARNING: Retrying"):
        return "the package index does not answer; pip tries again"
    return None


def _project(name: str) -> str:
    """Shorten `torch==2.13.*`, `file:///a/b/torch-2.13.0-cp311.whl` or a path to the project's name."""
    if name.startswith("file://") and name.endswith("/"):
        return "the course"
    last = name.rstrip("/").split("/")[-1]
    return re.split(r"[<>=!~;\[]", last.split("-")[0] if last.endswith((".whl", ".gz")) else last)[0]


def changed_anything(log: str) -> bool:
    """Say whether pip got as far as writing into the environment: before that line it only looks and downloads."""
    return "Installing collected packages" in log


def diagnose(log: str, status: int) -> str:
    """Return one sentence: why pip failed and what to do. `status` is its exit status, negative for a signal."""
    if any(text in log for text in _DISK):
        return "The disk is full: pip ran out of room while installing. Free some space, then `make setup` again."
    if status == -9:
        return (
            "pip was killed, most likely because memory ran out: close other programs, or give the machine or "
            "container more memory, then `make setup` again."
        )
    missing = re.search(r"No matching distribution found for (\S+)", log)
    versions = re.search(r"\(from versions: (.*)\)", log)
    if any(text in log for text in _NETWORK) or (missing and versions and versions[1] == "none"):
        wanted = f" while looking for {missing[1]}" if missing else ""
        return (
            f"The package index could not be reached{wanted}: check your network (and proxy, and TORCH_INDEX if you "
            "gave one), then `make setup` again."
        )
    if missing:
        return (
            f"The package index has no {missing[1]} for this Python on this system: use Linux on x86-64 or arm64 with "
            "Python 3.11, 3.12 or 3.13 (`make setup PYTHON=python3.12`)."
        )
    if "THESE PACKAGES DO NOT MATCH THE HASHES" in log:
        return "A download arrived damaged: `make setup` again; if it happens twice, `pip cache purge` first."
    if re.search(r"ERROR: (Failed building wheel for|Failed to build) .*pycuda", log):
        return (
            "PyCUDA could not be compiled: build/setup.log holds the compiler's words near its end. "
            "`make setup EXTRA=cpu` sets the course up without the GPU."
        )
    if any(text in log for text in _UNWRITABLE):
        return "pip may not write here: take the course to a folder of your own, then `make setup` again."
    errors = [line.strip() for line in log.splitlines() if line.strip().startswith("ERROR:")]
    last = f" Its last error: {errors[-1].removeprefix('ERROR:').strip()}" if errors else ""
    return f"pip failed (exit status {status}); its full words are in build/setup.log.{last}"
