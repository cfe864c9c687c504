"""A kernel's arguments: packed into bytes as PyCUDA packs them, and compared with what the kernel takes.

PyCUDA's own `_pvt_struct` packs and forgets the types; so a float32 for a `double` is silently wrong on a GPU. `pack`
here remembers them, and `check` names the argument that does not fit. The stand-in's `_pvt_struct` is this module.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .errors import Result, cuda_error

error = struct.error

_ITEM = re.compile(r"(\d*)([?bBhHiIlLqQnNPefdFDs])")
_COMPLEX = {"F": "ff", "D": "dd"}

C_NAMES = {
    "?": "bool", "b": "char", "B": "unsigned char", "h": "short", "H": "unsigned short", "i": "int",
    "I": "unsigned int", "l": "long", "L": "unsigned long", "q": "long long", "Q": "unsigned long long",
    "f": "float", "d": "double", "P": "a pointer", "S": "a structure",
}  # fmt: skip
_NUMPY_NAMES = {
    "?": "bool", "b": "int8", "B": "uint8", "h": "int16", "H": "uint16", "i": "int32", "I": "uint32", "l": "int64",
    "L": "uint64", "q": "int64", "Q": "uint64", "n": "int64", "N": "uint64", "e": "float16", "f": "float32",
    "d": "float64", "F": "complex64", "D": "complex128", "P": "a device pointer",
}  # fmt: skip
DTYPES = {
    "?": "numpy.bool_", "b": "numpy.int8", "B": "numpy.uint8", "h": "numpy.int16", "H": "numpy.uint16",
    "i": "numpy.int32", "I": "numpy.uint32", "l": "numpy.int64", "L": "numpy.uint64", "q": "numpy.int64",
    "Q": "numpy.uint64", "f": "numpy.float32", "d": "numpy.float64",
}  # fmt: skip
_INTEGERS = "?bBhHiIlLqQnN"


@dataclass(frozen=True)
class Parameter:
    """A kernel's parameter: its kind (`struct`'s letter, 'P' a pointer, 'S' anything else), and its place in bytes."""

    kind: str
    offset: int
    size: int


class PackedArguments(bytes):
    """Arguments as bytes, with the format they were packed by."""

    format: str = ""


def calcsize(format: str) -> int:
    """Return the bytes that `pack` makes of `format`."""
    return struct.calcsize(_plain(format))


def pack(format: str, *values: Any) -> PackedArguments:
    """Return `values` as bytes with the C compiler's alignment. `struct`'s letters, and F and D for complex numbers."""
    flat: list[Any] = []
    remaining = iter(values)
    for count, letter in _ITEM.findall(format):
        for _ in range(1 if letter == "s" else int(count or 1)):
            value = next(remaining, None)
            if value is None:
                raise error(f"more arguments are expected than the {len(values)} given")
            if letter in _COMPLEX:
                flat += [complex(value).real, complex(value).imag]
            elif letter == "s":
                flat.append(memoryview(value).tobytes() if not isinstance(value, bytes) else value)
            else:
                flat.append(value if letter not in "Pe" and letter not in _INTEGERS else _number(letter, value))
    if next(remaining, None) is not None:
        raise error(f"fewer arguments are expected than the {len(values)} given")
    packed = PackedArguments(struct.pack(_plain(format), *flat))
    packed.format = format
    return packed


def unpack(format: str, data: bytes) -> tuple[Any, ...]:
    """Return the values that `pack` made `data` of."""
    values = iter(struct.unpack(_plain(format), data))
    result: list[Any] = []
    for count, letter in _ITEM.findall(format):
        for _ in range(1 if letter == "s" else int(count or 1)):
            result.append(complex(next(values), next(values)) if letter in _COMPLEX else next(values))
    return tuple(result)


def _number(letter: str, value: Any) -> Any:
    if letter == "e":
        return float(value)
    if letter == "?":
        return bool(value)
    return int(value)


def _plain(format: str) -> str:
    return "".join(f"{count}{letter}" if letter not in _COMPLEX else _COMPLEX[letter] * int(count or 1)
                   for count, letter in _ITEM.findall(format))  # fmt: skip


def check(kernel: str, parameters: Sequence[Parameter], packed: bytes) -> None:
    """Raise LogicError, naming the argument, unless `packed` is what the kernel takes.

    Bytes without a format (not made by `pack`) can only be compared in length.
    """
    wanted = parameters[-1].offset + parameters[-1].size if parameters else 0
    if not isinstance(packed, PackedArguments):
        if len(packed) < wanted:
            _refuse(kernel, parameters, f"it takes {wanted} bytes of arguments and was given {len(packed)}")
        return
    given = _places(packed.format)
    if len(given) != len(parameters):
        _refuse(kernel, parameters, f"it takes {count(len(parameters))} and was given {count(len(given))}")
    for number, (have, want) in enumerate(zip(given, parameters, strict=True)):
        problem = _mismatch(have, want)
        if problem:
            _refuse(kernel, parameters, f"argument {number} (from 0) {problem}")


def _mismatch(have: Parameter, want: Parameter) -> str:
    """Return what is wrong with an argument, or ""."""
    name = f"of {have.size} bytes" if have.kind == "s" else f"is {_NUMPY_NAMES.get(have.kind, have.kind)}"
    if want.kind == "P":
        if have.kind == "s":
            return "is an array in host memory, and the kernel takes a pointer: pass drv.In(array) or device memory"
        if have.size != 8 or have.kind not in "PlLqQnN":
            return f"{name}, and the kernel takes a pointer"
    elif want.kind == "S":
        if have.size != want.size:
            return f"has {have.size} bytes, and the kernel takes a structure of {want.size}"
    else:
        same_family = (have.kind in _INTEGERS) == (want.kind in _INTEGERS) or have.kind in "Ps"
        if have.size != want.size or not same_family or (have.kind == "P" and want.kind not in "lLqQ"):
            return f"{name}, and the kernel takes {C_NAMES[want.kind]}: pass {DTYPES[want.kind]}(...)"
    if have.offset != want.offset:
        places = f"lies at byte {have.offset}, and the kernel looks for it at byte {want.offset}"
        return f"{places}: PyCUDA does not align structures; make it the first argument, or pass it by drv.In"
    return ""


def _places(format: str) -> list[Parameter]:
    places, offset = [], 0
    for count, letter in _ITEM.findall(format):
        size = int(count or 1) if letter == "s" else struct.calcsize(_plain(letter))
        alignment = 1 if letter == "s" else struct.calcsize(_COMPLEX.get(letter, letter)[:1])
        for _ in range(1 if letter == "s" else int(count or 1)):
            offset = -(-offset // alignment) * alignment
            places.append(Parameter(letter, offset, size))
            offset += size
    return places


def _refuse(kernel: str, parameters: Sequence[Parameter], problem: str) -> None:
    takes = ", ".join(C_NAMES.get(p.kind, p.kind).removeprefix("a ") for p in parameters)
    raise cuda_error("cuLaunchKernel", Result.INVALID_VALUE, f"kernel {kernel}({takes}): {problem}")


def count(number: int) -> str:
    """Return "1 argument", "2 arguments"."""
    return f"{number} argument{'s' * (number != 1)}"


def python_int(value: object, what: str) -> int:
    """Return `value`. Raises TypeError for anything but Python's int: PyCUDA's C++ takes no NumPy integer there."""
    if not isinstance(value, int):
        kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
        raise TypeError(f"{what} is a {kind}, and PyCUDA takes Python's int here: write int(...)")
    return value
