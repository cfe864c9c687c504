"""What must hold before anything is installed, each with its cure: Python, compiler, venv, disk, GPU.

Called by `install`, before any library is there, so: standard library only.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
import sysconfig
from pathlib import Path

from nogpu.compiler import find_compiler
from nogpu.nvidia import Gpu, find_toolkit


class Trouble(Exception):
    """A set-up that cannot go on. Its text is for the learner: what is wrong, and the cure."""


def check_python(root: Path, version: tuple[int, ...]) -> None:
    """Raise Trouble unless `version` is one that pyproject.toml asks for."""
    asked = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', (root / "pyproject.toml").read_text())
    assert asked, "pyproject.toml must say requires-python in the form >=3.A,<3.B"
    low, high = int(asked[1]), int(asked[2])
    if not (3, low) <= version < (3, high):
        raise Trouble(
            f"This is Python {version[0]}.{version[1]} ({sys.executable}), and the course runs on Python 3.{low} to "
            f"3.{high - 1}: install one and name it, as in `make setup PYTHON=python3.{high - 2}`."
        )


def check_compiler() -> None:
    """Raise Trouble unless a C++ compiler works."""
    if find_compiler() is None:
        wish = os.environ.get("CXX", "").strip()
        found = f"CXX={wish} does not run" if wish else "No C++ compiler (g++ or clang++) was found"
        raise Trouble(
            f"{found}, and the course compiles your CUDA kernels with one: "
            "on Debian, Ubuntu and WSL2 `sudo apt install g++`, on Fedora `sudo dnf install gcc-c++`."
        )


def check_venv_module() -> None:
    """Raise Trouble where Python came without venv or ensurepip, as Debian's does."""
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        package = f"python3.{sys.version_info.minor}-venv"
        raise Trouble(f"This Python lacks its venv module: on Debian, Ubuntu and WSL2 `sudo apt install {package}`.")


def check_disk(root: Path, needed_gb: int) -> None:
    """Raise Trouble when less than `needed_gb` GB (10^9 bytes) are free where the course lies."""
    free = shutil.disk_usage(root).free / 1e9
    if free < needed_gb:
        raise Trouble(f"The disk has {free:.1f} GB free and the set-up needs {needed_gb} GB: free some space first.")


def check_gpu(gpu: Gpu | None) -> None:
    """Raise Trouble, with every cure at once, unless PyCUDA can be compiled and CUDA 13 can use the GPU."""
    if gpu is None:
        raise Trouble("EXTRA=gpu was asked for, and no NVIDIA GPU was found: leave it out, or try `nvidia-smi`.")
    wrong = [gpu.objection()]
    toolkit = find_toolkit()
    if toolkit is None:
        wrong.append("nvcc was not found: install NVIDIA's CUDA 13 toolkit, or set CUDA_HOME to the folder it lies in")
    elif toolkit.headers is None:
        wrong.append(f"cuda.h was not found beside {toolkit.nvcc}: install the CUDA toolkit's development headers")
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        package = f"python3.{sys.version_info.minor}-dev"
        wrong.append(f"Python.h was not found: on Debian and Ubuntu `sudo apt install {package}`")
    if any(wrong):
        raise Trouble(
            f"There is a GPU here ({gpu.name}), but PyCUDA, which is compiled on your machine, would fail:\n"
            + "".join(f"  - {sentence}\n" for sentence in wrong if sentence)
            + "  Then `make setup` again. Or go on without the GPU: `make setup EXTRA=cpu`."
        )
