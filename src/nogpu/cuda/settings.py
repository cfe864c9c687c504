"""What can be set from outside, by environment variables, and where the caches lie.

    NOGPU_CACHE_DIR        folder for compiled kernels and the runtime   (default: the user's cache folder)
    NOGPU_THREADS          CPU threads that one kernel may use           (default: all that this process may use)
    NOGPU_KERNEL_SECONDS   a kernel that runs longer is ended, 0: never  (default: 60)
    NOGPU_SANITIZE         1: every launch is inspected (slow)           (default: 0)
    NOGPU_MEMORY_MB        device memory                                 (default: half of the machine's)

Read anew at each use, so that a test or a notebook can change them.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from .errors import Result, cuda_error

DEFAULT_KERNEL_SECONDS = 60.0


def cache_folder() -> Path:
    """Return the folder of compiled things; it need not exist."""
    wish = os.environ.get("NOGPU_CACHE_DIR", "")
    return Path(wish).absolute() if wish else Path(platformdirs.user_cache_dir("nogpu")) / "cuda"


def thread_count() -> int:
    """Return how many CPU threads one kernel may use: at least 1."""
    return max(1, int(_number("NOGPU_THREADS", _usable_cores())))


def kernel_seconds() -> float:
    """Return the time after which the watchdog ends a kernel, in seconds; 0 means never."""
    return max(0.0, _number("NOGPU_KERNEL_SECONDS", DEFAULT_KERNEL_SECONDS))


def memory_megabytes() -> float:
    """Return the size of the device's memory that was asked for, in MiB; 0 when nobody asked."""
    return _number("NOGPU_MEMORY_MB", 0.0)


def sanitize() -> bool:
    """Say whether every launch is to be inspected."""
    return os.environ.get("NOGPU_SANITIZE", "").strip() not in ("", "0")


def _usable_cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def _number(name: str, default: float) -> float:
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    try:
        return float(text)
    except ValueError:
        raise cuda_error("cuInit", Result.INVALID_VALUE, f"{name} is {text!r}: give it a number") from None
