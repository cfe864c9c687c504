"""Builds the C++ runtime that executes kernels, loads it, and declares its functions for ctypes.

The sources lie in `runtime_source/`; they are compiled once with the machine's C++ compiler and kept beside the
compiled kernels. Everything that touches a kernel or a stream goes through `library()`.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
import threading
from ctypes import POINTER, c_char_p, c_double, c_int, c_int64, c_size_t, c_uint, c_uint32, c_uint64, c_void_p
from enum import IntEnum
from pathlib import Path
from typing import Any

from . import cache, settings
from .errors import Result, cuda_error
from .toolchain import Toolchain

FOLDER = Path(__file__).parent
SOURCES = FOLDER / "runtime_source"
DEVICE_HEADERS = FOLDER / "device"
FLAGS = ("-std=c++17", "-O2", "-g1", "-fPIC", "-shared", "-fvisibility=hidden", "-pthread")

_lock = threading.RLock()
_library: Any = None
_forked = False


class FaultKind(IntEnum):
    """Why a kernel was ended; the numbers are those of fault.h."""

    NONE = 0
    ILLEGAL_ADDRESS = 1
    STACK_OVERFLOW = 2
    ARITHMETIC = 3
    TIMEOUT = 4
    CANCELLED = 5
    ASSERTION = 6
    DEADLOCK = 7
    OUT_OF_MEMORY = 8
    ILLEGAL_INSTRUCTION = 9
    TRAP = 10


class Fault(ctypes.Structure):
    """A kernel's failure, as fault.h describes it."""

    _fields_ = (
        ("kind", c_int),
        ("thread", c_uint * 3),
        ("block", c_uint * 3),
        ("address", c_uint64),
        ("kernel", ctypes.c_char * 160),
        ("message", ctypes.c_char * 512),
    )


class Rectangle(ctypes.Structure):
    """A copy of `depth` slices of `height` rows of `width` bytes; pitches and slices are distances in bytes."""

    _fields_ = (
        ("destination", c_void_p),
        ("source", c_void_p),
        ("destination_pitch", c_size_t),
        ("source_pitch", c_size_t),
        ("destination_slice", c_size_t),
        ("source_slice", c_size_t),
        ("width", c_size_t),
        ("height", c_size_t),
        ("depth", c_size_t),
    )


class KernelEntry(ctypes.Structure):
    """One line of a module's table of kernels, as kernel_interface.h describes it."""

    _fields_ = (
        ("name", c_char_p),
        ("run", c_void_p),
        ("address", c_void_p),
        ("kinds", c_char_p),
        ("offsets", POINTER(c_uint)),
        ("sizes", POINTER(c_uint)),
        ("count", c_uint),
        ("maximum_threads", c_uint),
    )


_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "nogpu_start": (None, [c_int]),
    "nogpu_set_heap_limit": (None, [c_size_t]),
    "nogpu_stream_create": (c_void_p, [c_int]),
    "nogpu_stream_destroy": (None, [c_void_p]),
    "nogpu_stream_default": (c_void_p, []),
    "nogpu_stream_gathering": (c_void_p, []),
    "nogpu_gather": (c_uint64, []),
    "nogpu_stream_submitted": (c_uint64, [c_void_p]),
    "nogpu_stream_wait": (c_int, [c_void_p, c_uint64, c_int]),
    "nogpu_stream_exists": (c_int, [c_void_p]),
    "nogpu_host_call": (c_uint64, [c_void_p, c_void_p, c_uint64]),
    "nogpu_launch": (
        c_uint64,
        [c_void_p, c_void_p, c_char_p, c_size_t, c_uint * 3, c_uint * 3, c_size_t, c_double],
    ),
    "nogpu_copy": (c_uint64, [c_void_p, POINTER(Rectangle)]),
    "nogpu_fill": (c_uint64, [c_void_p, POINTER(Rectangle), c_uint32, c_size_t]),
    "nogpu_event_create": (c_void_p, []),
    "nogpu_event_record": (c_uint64, [c_void_p, c_void_p]),
    "nogpu_event_destroy": (None, [c_void_p]),
    "nogpu_event_nanoseconds": (c_int64, [c_void_p]),
    "nogpu_stream_wait_event": (None, [c_void_p, c_void_p]),
    "nogpu_fault_pending": (c_int, []),
    "nogpu_take_fault": (c_int, [POINTER(Fault)]),
    "nogpu_take_output": (c_size_t, [ctypes.c_char_p, c_size_t, POINTER(c_size_t)]),
    "nogpu_cancel": (None, []),
}


def library() -> Any:
    """Return the loaded runtime, building it first where that has not been done (some seconds, once a machine)."""
    global _library
    if _forked:
        raise cuda_error(
            "cuInit",
            Result.NOT_INITIALIZED,
            "this process was forked after CUDA was used, and CUDA does not survive a fork: "
            "start processes by multiprocessing's 'spawn' method",
        )
    if _library is None:
        with _lock:
            if _library is None:
                loaded = ctypes.CDLL(str(build()), mode=ctypes.RTLD_GLOBAL)  # kernels refer to its names
                for name, (result, arguments) in _SIGNATURES.items():
                    function = getattr(loaded, name)
                    function.restype, function.argtypes = result, arguments
                loaded.nogpu_start(settings.thread_count())
                _library = loaded
    return _library


def build() -> Path:
    """Return the compiled runtime's path. Raises PyCUDA's RuntimeError where there is no compiler."""
    toolchain = Toolchain.find()
    sources = sorted(SOURCES.glob("*.cpp"))
    texts = [path.read_text() for path in (*sources, *sorted(SOURCES.glob("*.h")))]
    texts.append((DEVICE_HEADERS / "kernel_interface.h").read_text())
    name = f"runtime-{cache.key(*texts, *FLAGS, toolchain.identity)}.so"
    # One translation unit: the standard library's headers are read once instead of a dozen times.
    everything = "".join(f'#include "{path.name}"\n' for path in sources)
    options = [*FLAGS, *toolchain.jump_flags, f"-I{SOURCES}", f"-I{DEVICE_HEADERS}", "-x", "c++", "-"]
    problem: OSError | None = None
    for folder in (settings.cache_folder(), Path(tempfile.gettempdir()) / f"nogpu-{os.getuid()}"):
        target = folder / name
        try:
            if not target.exists():
                with cache.new_file(target) as output:
                    toolchain.run([*options, "-o", str(output)], everything, "the CUDA runtime for the CPU")
            return target
        except OSError as error:  # a full disk, or a folder that cannot be written: try the other
            problem = error
    raise cuda_error("cuInit", Result.UNKNOWN, f"the CUDA runtime for the CPU could not be stored: {problem}")


def is_loaded() -> bool:
    """Say whether this process has used the runtime."""
    return _library is not None


def was_forked() -> bool:
    """Say whether this process is a fork of one that used CUDA: its streams have no threads any more."""
    return _forked


def _after_fork() -> None:
    global _forked, _library
    if _library is not None:
        _forked, _library = True, None


os.register_at_fork(after_in_child=_after_fork)
