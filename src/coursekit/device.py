"""What this machine computes on, in one line and as facts. Every notebook's second cell prints the line."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Origin = Literal["real", "CPU stand-in", "not installed"]


def torch_device() -> torch.device:
    """Return the device that the lessons compute on: cuda if torch sees one, else cpu."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def origin(distribution: str) -> Origin:
    """Say whether `pycuda` or `tensorrt` is the real package, the course's CPU stand-in, or not installed."""
    try:
        version = importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
    return "CPU stand-in" if version.endswith("+nogpu") else "real"


@cache
def processor_name() -> str:
    """Return the CPU's marketing name where the system tells it, else its architecture."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.lower().startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def cores() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def name() -> str:
    """Return the name of the device that `torch_device` chose: the GPU's, or the CPU's."""
    import torch

    return torch.cuda.get_device_name() if torch_device().type == "cuda" else processor_name()


def banner() -> None:
    """Print the one line that says what the notebook runs on."""
    import torch

    if torch_device().type == "cuda":
        where = f"GPU: {name()}"
    else:
        where = f"CPU: {processor_name()}, {cores()} cores, no GPU in use"
    parts = [where, f"torch {torch.__version__.split('+')[0]}"]
    parts += [
        f"{package}: {origin(package)}" for package in ("pycuda", "tensorrt") if origin(package) != "not installed"
    ]
    print(" · ".join(parts))
