"""The machine's C++ compiler as this package uses it: which one, with which flags, and how it is run.

`runtime` builds the runtime with it, `compiler` the kernels.
"""

from __future__ import annotations

import errno
import functools
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..compiler import find_compiler
from .errors import Result, cuda_error

CPU_DESCRIPTION = Path("/proc/cpuinfo")
# Fibers go on by a jump into a function's middle (fiber.cpp). Guarded code refuses it, and Ubuntu's compiler guards.
JUMP_FLAGS = {"aarch64": ("-mbranch-protection=none",)}
# x86: everything that this processor can do. Arm: `char` is signed, as in CUDA beside x86; atomic functions are
# instructions, not calls into libgcc, which is not linked; a division by zero is reported, for Arm gives 0 (fault.cpp).
CPU_FLAGS = {
    "x86_64": ("-march=native",),
    "aarch64": (
        "-fsigned-char",
        "-mno-outline-atomics",
        "-fsanitize=integer-divide-by-zero",
        "-fno-sanitize-recover=integer-divide-by-zero",
    ),
}


@dataclass(frozen=True)
class Toolchain:
    """A C++ compiler, and what a compiled file depends on besides its source."""

    program: str
    identity: str  # compiler version and CPU: code compiled for one is not used with another
    is_clang: bool
    jump_flags: tuple[str, ...]  # of the runtime and of kernels
    cpu_flags: tuple[str, ...]  # of kernels

    @staticmethod
    @functools.cache
    def find() -> Toolchain:
        """Return the compiler of this machine. Raises PyCUDA's RuntimeError where there is none."""
        compiler = find_compiler()
        if compiler is None:
            raise cuda_error(
                "cuInit",
                Result.NO_DEVICE,
                "the CPU stand-in for CUDA needs a C++ compiler: install g++ or clang++ (Debian, Ubuntu: "
                "sudo apt install g++), or name one in the environment variable CXX",
            )
        return Toolchain(
            program=str(compiler.path),
            identity=f"{compiler.path} {compiler.version} {platform.machine()} {_cpu()}",
            is_clang="clang" in compiler.version,
            jump_flags=JUMP_FLAGS.get(platform.machine(), ()),
            cpu_flags=CPU_FLAGS.get(platform.machine(), ()),
        )

    def run(self, arguments: Sequence[str], source: str, what: str) -> None:
        """Compile our own `source`, given on standard input. A failure is ours, and says what could not be built.

        A full disk is an OSError, as it is for Python's own writing: callers have another place or way.
        """
        answer = self.try_run(arguments, source)
        if answer.returncode != 0 and os.strerror(errno.ENOSPC) in answer.stderr:
            raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}: {self.program} could not write {what}")
        if answer.returncode != 0:
            raise cuda_error("cuInit", Result.UNKNOWN, f"{self.program} could not build {what}:\n{answer.stderr}")

    def try_run(self, arguments: Sequence[str], source: str) -> subprocess.CompletedProcess[str]:
        """Run the compiler on `source`; its messages are in English and without colour."""
        return subprocess.run(
            [self.program, *arguments],
            input=source,
            capture_output=True,
            text=True,
            errors="replace",
            env=_environment(),
        )


@functools.cache
def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "LC_ALL": "C.UTF-8", "GCC_COLORS": ""}


@functools.cache
def _cpu() -> str:
    """Return what tells CPUs with different instructions apart: a cache may lie on a disk that machines share."""
    try:
        lines = CPU_DESCRIPTION.read_text().splitlines()
    except OSError:
        return platform.processor()
    wanted = ("flags", "Features", "model name")
    return " ".join(sorted({line.partition(":")[2].strip() for line in lines if line.startswith(wanted)}))
