"""An inspected launch's arguments: arrays get device memory with wide empty strips around them, scalars are packed.

What does not fit the kernel's parameters is said here, before anything runs: the wrong number of arguments or a Python
number is a TypeError, a wrong dtype is a finding.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import arena, arguments
from ..arguments import Parameter
from ..errors import Result, cuda_error
from . import library
from .kernel import InspectedModule
from .signature import ParameterText

MINIMUM_GUARD = 64 << 10  # bytes before and behind each array that belong to nobody; addresses, hardly any memory
MAXIMUM_GUARD = 16 << 20
END_OF_ADDRESSES = 1 << 48  # no process has memory beyond
NEAR_NULL = 1 << 16  # a pointer below this is a null pointer with something added
_C_NAMES = {
    "f4": "float", "f8": "double", "f2": "__half", "i1": "signed char", "i2": "short", "i4": "int", "i8": "long long",
    "u1": "unsigned char", "u2": "unsigned short", "u4": "unsigned int", "u8": "unsigned long long", "b1": "bool",
}  # fmt: skip


@dataclass
class Memory:
    """An array as messages name it: what the runtime's number for it means."""

    name: str
    element_size: int
    size: int  # bytes
    space: int
    elements: int
    address: int = 0
    is_dynamic: bool = False  # shared memory whose size the launch gives

    @staticmethod
    def of_variable(name: str, element_size: int, size: int, space: int, is_dynamic: bool = False) -> Memory:
        """Return the memory of a variable; an element size of 0 is unknown."""
        elements = size // element_size if element_size else 0
        return Memory(name, element_size, size, space, elements, is_dynamic=is_dynamic)


class DeviceCopy:
    """A numpy array in device memory, between two strips that belong to nobody."""

    def __init__(self, host: np.ndarray, number: int) -> None:
        self.host = host
        self.guard = min(max(MINIMUM_GUARD, host.nbytes), MAXIMUM_GUARD) // 256 * 256
        start = arena.arena().allocate(host.nbytes + 2 * self.guard)
        if start is None:
            raise cuda_error("cuMemAlloc", Result.OUT_OF_MEMORY, f"{host.nbytes} bytes for an argument")
        self._start = start
        self.address = start + self.guard
        self._handle = library.library().nogpu_know_array(
            self.address, host.nbytes, library.GLOBAL, number, self.guard, True
        )
        self.write()

    def write(self) -> None:
        """Copy the host's values to the device."""
        contiguous = np.ascontiguousarray(self.host)
        ctypes.memmove(self.address, contiguous.ctypes.data, self.host.nbytes)

    def read(self) -> np.ndarray:
        """Return the device's values as a new array."""
        result = np.empty(self.host.shape, self.host.dtype)
        ctypes.memmove(result.ctypes.data, self.address, result.nbytes)
        return result

    def release(self) -> None:
        """Give the memory back."""
        library.library().nogpu_forget_array(self._handle)
        arena.arena().free(self._start)


class Mismatch(Exception):
    """An argument whose dtype is not the parameter's; becomes a finding."""

    def __init__(self, name: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.name, self.message, self.hint = name, message, hint


def check(kernel: str, module: InspectedModule, given: Sequence[Any]) -> list[Mismatch]:
    """Return what does not fit in dtype. Raises TypeError for a wrong number of arguments, or one of no use."""
    wanted, texts = module.parameters(kernel), module.parameter_texts(kernel)
    if len(given) != len(wanted):
        names = ", ".join(text.name for text in texts) or "none"
        number = "1 was" if len(given) == 1 else f"{len(given)} were"
        raise TypeError(f"{kernel} takes {arguments.count(len(wanted))} ({names}), and {number} given")
    found = []
    for value, want, text in zip(given, wanted, texts, strict=True):
        problem = _array_problem(value, text) if want.kind == "P" else _scalar_problem(value, want, text)
        if problem:
            found.append(problem)
    return found


def _array_problem(value: Any, text: ParameterText) -> Mismatch | None:
    if not isinstance(value, np.ndarray):
        if hasattr(value, "gpudata") or hasattr(value, "_address") or isinstance(value, int | np.integer):
            dtype = getattr(value, "dtype", None)
            return None if dtype is None or isinstance(value, np.integer) else _dtype_problem(np.dtype(dtype), text)
        raise TypeError(f"{text.name} is a pointer: pass a numpy array for it, not {type(value).__name__}")
    return _dtype_problem(value.dtype, text)


def _dtype_problem(dtype: np.dtype, text: ParameterText) -> Mismatch | None:
    want = text.pointee
    if not want or dtype.kind not in "biuf":
        return None
    have = f"{dtype.kind}{dtype.itemsize}"
    if have == want or (have[1:] == want[1:] and {have[0], want[0]} <= {"i", "u", "b"}):
        return None
    right = np.dtype(want).name
    return Mismatch(
        text.name,
        f"{text.name} is an array of {dtype.name}, and the kernel takes {text.type}*: it would read every "
        f"{np.dtype(want).itemsize} bytes as one {text.type}",
        f"Pass {text.name}.astype(numpy.{right}), or declare the parameter as {_C_NAMES.get(have, dtype.name)}*.",
    )


def _scalar_problem(value: Any, want: Parameter, text: ParameterText) -> Mismatch | None:
    c_name = arguments.C_NAMES[want.kind]
    if isinstance(value, np.ndarray) and value.shape == () and want.kind == "S":
        value = value[()]
    if not isinstance(value, np.generic):
        if isinstance(value, bool | int | float):
            right = arguments.DTYPES.get(want.kind, "numpy.float32").removeprefix("numpy.")
            raise TypeError(
                f"{text.name} is the Python number {value!r}: a kernel needs to know its size. "
                f"Pass numpy.{right}({value!r})"
            )
        raise TypeError(f"{text.name} is {c_name}: pass a numpy scalar for it, not {type(value).__name__}")
    if want.kind == "S":
        if value.nbytes == want.size:
            return None
        return Mismatch(
            text.name,
            f"{text.name} has {value.nbytes} bytes, and the kernel takes a structure of {want.size} bytes",
            "Give the numpy dtype the same members, in the same order, as the structure.",
        )
    same_family = (value.dtype.kind in "biu") == (want.kind in "?bBhHiIlLqQ")
    if value.nbytes == want.size and same_family:
        return None
    right = arguments.DTYPES[want.kind]
    return Mismatch(
        text.name,
        f"{text.name} is numpy.{value.dtype.name} ({value.nbytes} bytes), and the kernel takes {c_name} "
        f"({want.size} bytes): it would read other bits than you meant",
        f"Pass {right}(...) for {text.name}, or change the parameter's type.",
    )


class Buffers:
    """The arguments of `nogpu.inspect` on the device. Arrays are copied there once, and back at the end."""

    def __init__(self, module: InspectedModule, kernel: str, values: Sequence[Any]) -> None:
        self.memories: dict[int, Memory] = {}
        self.names: list[str] = []
        self._wanted = module.parameters(kernel)
        self._values: list[int | np.generic] = []
        self._copies: list[DeviceCopy] = []
        self._known: list[int] = []
        self._pointers: list[tuple[int, str]] = []
        try:
            for number, (value, text, want) in enumerate(
                zip(values, module.parameter_texts(kernel), self._wanted, strict=True)
            ):
                self._add(number, value, text, want)
        except BaseException:
            self.release()
            raise

    def _add(self, number: int, value: Any, text: ParameterText, want: Parameter) -> None:
        if isinstance(value, np.ndarray) and want.kind == "P":
            copy = DeviceCopy(value, number)
            self._copies.append(copy)
            self.names.append(text.name)
            self.memories[number] = Memory(
                text.name, value.itemsize, value.nbytes, library.GLOBAL, value.size, copy.address
            )
            self._values.append(copy.address)
        elif want.kind == "P":
            self._values.append(self._device_pointer(number, value, text))
        else:
            scalar: Any = value[()] if isinstance(value, np.ndarray) else value
            self._values.append(scalar)

    def _device_pointer(self, number: int, value: Any, text: ParameterText) -> int:
        """Return the address of device memory that the caller owns; its allocation becomes an array."""
        pointer = int(getattr(value, "gpudata", value))
        found = arena.arena().allocation_of(pointer)
        if found is None:
            self._pointers.append((pointer, text.name))
            return pointer
        start, size = found
        item = np.dtype(value.dtype).itemsize if hasattr(value, "dtype") else int(text.pointee[1:] or 0)
        self.memories[number] = Memory(text.name, item, size, library.GLOBAL, size // item if item else 0, start)
        written = not arena.arena().is_untouched(start)
        self._known.append(library.library().nogpu_know_array(start, size, library.GLOBAL, number, arena.GAP, written))
        return pointer

    def packed(self) -> bytes:
        """Return the argument block: addresses as pointers, numpy scalars as they are."""
        size = self._wanted[-1].offset + self._wanted[-1].size if self._wanted else 0
        packed = bytearray(size)
        for want, value in zip(self._wanted, self._values, strict=True):
            data = value.tobytes() if isinstance(value, np.generic) else int(value).to_bytes(8, "little")
            packed[want.offset : want.offset + want.size] = data[: want.size]
        return bytes(packed)

    def host_pointer(self, address: int) -> str:
        """Return the name of the pointer argument that is no device memory and that `address` is near, or ""."""
        for pointer, name in self._pointers:
            if NEAR_NULL < pointer < END_OF_ADDRESSES and abs(address - pointer) < 1 << 30:
                return name
        return ""

    def results(self) -> list[np.ndarray]:
        """Return the arrays as the kernel left them, in the order of `names`."""
        return [copy.read() for copy in self._copies]

    def restore(self) -> None:
        """Put the original values back, for another run."""
        for copy in self._copies:
            copy.write()

    def copy_back(self, values: Sequence[np.ndarray]) -> None:
        """Write `values` into the caller's arrays; those that are read-only stay."""
        for copy, value in zip(self._copies, values, strict=True):
            if copy.host.flags.writeable:
                copy.host[...] = value

    def release(self) -> None:
        """Give the device memory back."""
        for handle in self._known:
            library.library().nogpu_forget_array(handle)
        for copy in self._copies:
            copy.release()
        self._known, self._copies = [], []
