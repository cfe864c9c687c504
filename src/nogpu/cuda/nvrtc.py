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

_ERROR = re.compile(r"^\S*\((\d+)\): (?:catastrophic )?error: (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class KernelResources:
    """What one thread, or one block, of a kernel takes on a GPU."""

    name: str
    registers: int  # 32-bit registers of one thread
    shared_bytes: int  # static shared memory of one block
    stack_bytes: int  # local memory of one thread
    spill_store_bytes: int  # registers that did not suffice and went to local memory, of one thread
    spill_load_bytes: int

    def __str__(self) -> str:
        taken = f"{self.registers} registers a thread, {self.shared_bytes} bytes of static shared memory a block"
        spills = f"spills of {self.spill_store_bytes} bytes stored and {self.spill_load_bytes} loaded a thread"
        return f"{self.name}: {taken}, {spills if self.spill_store_bytes or self.spill_load_bytes else 'no spills'}"


@dataclass(frozen=True)
class Opinion:
    """NVIDIA's compiler's answer: whether it compiles, what it said, and what each kernel takes. Displays itself."""

    ok: bool
    log: str  # everything it said, in its own words
    kernels: tuple[KernelResources, ...]
    architecture: str = ARCHITECTURE
    version: str = ""  # of NVRTC, "13.0"

    @property
    def errors(self) -> list[tuple[int, str]]:
        """Return (line, message) of each error."""
        return [(int(line), message) for line, message in _ERROR.findall(self.log)]

    def __str__(self) -> str:
        compiler = f"NVIDIA's compiler (NVRTC {self.version}, for {self.architecture})"
        if not self.ok:
            lines = [f"line {line}: {message}" for line, message in self.errors] or [self.log.strip()]
            return "\n".join([f"{compiler} refuses it:", *lines])
        return "\n".join([f"{compiler} takes it:", *(str(kernel) for kernel in self.kernels)])


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


def ask(source: str, options: Sequence[str] = (), architecture: str = ARCHITECTURE) -> Opinion:
    """Return NVIDIA's compiler's opinion of the CUDA C `source`; `options` are NVRTC's.

    `architecture` is the GPU to compile for, "sm_75" or newer. Raises ImportError where NVRTC is not installed.
    """
    words = [f"--gpu-architecture={architecture}", "--ptxas-options=-v", *options]
    ok, log, _ = _compile(source, words, wants_ptx=False)
    return Opinion(ok, log, tuple(_resources(log)), architecture, version())


def version() -> str:
    """Return the version of the installed NVRTC, such as "13.0". Raises ImportError where there is none."""
    major, minor = ctypes.c_int(), ctypes.c_int()
    _check(_library().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)))
    return f"{major.value}.{minor.value}"


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
    library = _library()
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


def _library() -> Any:
    path = find_library()
    if path is None:
        raise ImportError("NVIDIA's compiler NVRTC is not installed here: pip install '.[nvrtc]'")
    for builtins in path.parent.glob("libnvrtc-builtins.so*"):
        ctypes.CDLL(str(builtins))  # NVRTC opens it by its bare name, which the system's search paths do not have
    return ctypes.CDLL(str(path))


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
                _plain_name(match["name"]), int(match["registers"]), int(shared.group(1)) if shared else 0,
                int(match["stack"]), int(match["stores"]), int(match["loads"]),
            )
        )  # fmt: skip
    return found


def _plain_name(mangled: str) -> str:
    """Return a C++ kernel's name without its parameters: `_ZN4math5scaleEPf` is math::scale (Itanium C++ ABI, 5.1)."""
    match = re.match(r"_ZN?(?=\d)", mangled)
    names, position = [], match.end() if match else 0
    while match and (length := re.match(r"\d+", mangled[position:])):
        position += length.end()
        names.append(mangled[position : position + int(length[0])])
        position += int(length[0])
        if not mangled.startswith("_ZN"):
            break
    return "::".join(names) or mangled


def _check(result: int) -> None:
    if result != 0:
        raise OSError(f"NVRTC answered error {result}: the installed library does not fit")
