"""The runtime's functions for inspected launches, declared for ctypes; see runtime_source/inspection.h."""

from __future__ import annotations

import ctypes
import functools
import threading
from ctypes import POINTER, c_char_p, c_double, c_int, c_int64, c_size_t, c_uint, c_uint32, c_uint64, c_void_p
from typing import Any

from .. import runtime

one_at_a_time = threading.RLock()  # held by whoever inspects a launch: the runtime's arrays are shared

GLOBAL, SHARED, CONSTANT, HEAP = range(4)  # Space in inspection.h
READ, WRITE, ATOMIC, VOLATILE = 0, 1, 2, 4

KINDS = (
    "out-of-bounds", "use-after-free", "host-pointer", "misaligned", "bad-address", "race", "uninitialized",
    "divergent-barrier", "missing-lane", "deadlock", "early-exit", "double-free", "leak",
)  # fmt: skip


class FindingRecord(ctypes.Structure):
    """`Finding` in inspection.h."""

    _fields_ = (
        ("defect", c_int),
        ("array", c_int),
        ("site", c_uint32),
        ("other_site", c_uint32),
        ("line", c_int),
        ("other_line", c_int),
        ("how", c_uint),
        ("other_how", c_uint),
        ("thread", c_uint),
        ("other_thread", c_uint),
        ("block", c_uint64),
        ("other_block", c_uint64),
        ("offset", c_int64),
        ("address", c_uint64),
        ("size", c_uint64),
        ("count", c_uint64),
        ("extra", c_uint64),
    )


_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "nogpu_know_array": (c_void_p, [c_uint64, c_uint64, c_int, c_int, c_uint64, c_int]),
    "nogpu_forget_array": (None, [c_void_p]),
    "nogpu_free_array": (None, [c_void_p]),
    "nogpu_mark_written": (None, [c_uint64, c_uint64]),
    "nogpu_inspection_new": (c_void_p, []),
    "nogpu_inspection_shared": (None, [c_void_p, c_uint64, c_uint64, c_int]),
    "nogpu_inspection_keep_heap": (None, [c_void_p]),
    "nogpu_inspection_launch": (
        c_uint64,
        [c_void_p, c_void_p, c_void_p, c_char_p, c_size_t, c_uint * 3, c_uint * 3, c_size_t, c_double, c_int],
    ),
    "nogpu_inspection_findings": (c_size_t, [c_void_p, POINTER(POINTER(FindingRecord))]),
    "nogpu_inspection_site": (c_uint64, [c_void_p, c_uint32]),
    "nogpu_inspection_stopped_at": (c_uint64, [c_void_p]),
    "nogpu_inspection_last_site": (c_uint32, [c_void_p, POINTER(c_uint32)]),
    "nogpu_inspection_last_block": (c_uint64, [c_void_p]),
    "nogpu_inspection_dropped": (c_uint64, [c_void_p]),
    "nogpu_inspection_address": (c_uint64, [c_void_p, c_int]),
    "nogpu_inspection_delete": (None, [c_void_p]),
}


@functools.cache
def library() -> Any:
    """Return the loaded runtime with the functions for inspected launches declared."""
    loaded = runtime.library()
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded
