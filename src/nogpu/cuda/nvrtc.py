"""A second opinion from NVIDIA: what its own compiler says of a kernel, without a GPU and without a driver.

NVRTC compiles CUDA C to a real GPU's machine code on any machine; asked with `--ptxas-options=-v`, it tells the
registers, shared memory and spills of each kernel. Optional: `pip install .[nvrtc]` brings the library (58 MB).
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DISTRIBUTIONS = ("nvidia-cuda-nvrtc", "nvidia-cuda-nvrtc-cu13", "nvidia-cuda-nvrtc-cu12")
ARCHITECTURE = "sm_75"  # the compute capability that the stand-in has

_KERNEL = re.compile(
    r"Compiling entry function '(?P<name>\w+)'.*?"
    r"(?P<stack>\d+) bytes stack frame, (?P<stores>\d+) bytes spill stores, (?P<loads>\d+) bytes spill loads.*?"
    r"Used (?P<registers>\d+) registers(?P<rest>[^\n]*)",
    re.DOTALL,
)


@dataclass(frozen=True)
class KernelResources:
    """What one thread, or one block, of a kernel takes on a GPU."""

    name: str
    registers: int  # 32-bit registers of one thread
    shared_bytes: int  # static shared memory of one block
    stack_bytes: int  # local memory of one thread
    spill_store_bytes: int
    spill_load_bytes: int


@dataclass(frozen=True)
class Opinion:
    """NVIDIA's compiler's answer: whether it compiles, what it said, and what each kernel takes."""

    ok: bool
    log: str
    kernels: tuple[KernelResources, ...]


def find_library() -> Path | None:
    """Return the path of NVRTC where it is installed, or None."""
    for name in DISTRIBUTIONS:
        try:
            files = importlib.metadata.files(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        for file in files:
            if re.match(r"libnvrtc\.so[.\d]*$", file.name):
                return Path(str(file.locate()))
    return None


def ask(source: str, options: Sequence[str] = ()) -> Opinion:
    """Return NVIDIA's compiler's opinion of the CUDA C `source`; `options` are NVRTC's.

    Raises ImportError where NVRTC is not installed.
    """
    words = [f"--gpu-architecture={ARCHITECTURE}", "--ptxas-options=-v", *options]
    ok, log, _ = _compile(source, words, wants_ptx=False)
    return Opinion(ok, log, tuple(_resources(log)))


def ptx(source: str, options: Sequence[str] = ()) -> str:
    """Return the PTX that NVIDIA's compiler makes of the CUDA C `source`, for this stand-in's compute capability.

    Raises ImportError where NVRTC is not installed, ValueError with the compiler's log where it does not compile.
    """
    ok, log, text = _compile(source, [f"--gpu-architecture={ARCHITECTURE.replace('sm', 'compute')}", *options], True)
    if not ok:
        raise ValueError(log)
    return text


def _compile(source: str, options: Sequence[str], wants_ptx: bool) -> tuple[bool, str, str]:
    """Compile with NVRTC and return (whether it compiled, its log, the PTX if that was wanted, else nothing)."""
    path = find_library()
    if path is None:
        raise ImportError("NVIDIA's compiler NVRTC is not installed here: pip install '.[nvrtc]'")
    library: Any = ctypes.CDLL(str(path))
    program = ctypes.c_void_p()
    _check(library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None))
    try:
        encoded = (ctypes.c_char_p * len(options))(*(word.encode() for word in options))
        ok = library.nvrtcCompileProgram(program, len(options), encoded) == 0
        log = _text(library.nvrtcGetProgramLogSize, library.nvrtcGetProgramLog, program)
        text = _text(library.nvrtcGetPTXSize, library.nvrtcGetPTX, program) if ok and wants_ptx else ""
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))
    return ok, log, text


def _text(size_of: Any, get: Any, program: ctypes.c_void_p) -> str:
    size = ctypes.c_size_t()
    _check(size_of(program, ctypes.byref(size)))
    buffer = ctypes.create_string_buffer(size.value)
    _check(get(program, buffer))
    return buffer.value.decode(errors="replace")


def _resources(log: str) -> list[KernelResources]:
    found = []
    for match in _KERNEL.finditer(log):
        shared = re.search(r"(\d+) bytes smem", match["rest"])
        found.append(
            KernelResources(
                match["name"], int(match["registers"]), int(shared.group(1)) if shared else 0, int(match["stack"]),
                int(match["stores"]), int(match["loads"]),
            )
        )  # fmt: skip
    return found


def _check(result: int) -> None:
    if result != 0:
        raise OSError(f"NVRTC answered error {result}: the installed library does not fit")
