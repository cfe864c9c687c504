"""Puts empty space behind every `__shared__` variable of a compiled kernel, so that an index past an array's end does
not land in the next array unseen.

Shared variables are thread-local ones without initial value: in the object file each has a section of its own
(-fdata-sections), of which only the size is written down. Making the sections larger before the linker lays them out
is all that is needed. Layouts: System V ABI, "Object Files" (elf(5)).
"""

from __future__ import annotations

import struct

ALIGNMENT = 16


def guard(size: int) -> int:
    """Return the bytes behind a variable of `size` bytes; shared_guard in runtime_source/inspection.h."""
    return 256 if size < 256 else min(size // ALIGNMENT * ALIGNMENT, 16384)


_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_WITHOUT_CONTENT = 8  # SHT_NOBITS
_THREAD_LOCAL = 0x400  # SHF_TLS


def widen(thing: bytes) -> bytes:
    """Return the object file `thing` with empty space behind each thread-local variable that has no initial value."""
    changed = bytearray(thing)
    header = _HEADER.unpack_from(thing)
    table, size, count = header[6], header[11], header[12]
    for index in range(count):
        place = table + index * size
        section = list(_SECTION.unpack_from(thing, place))
        if section[1] == _WITHOUT_CONTENT and section[2] & _THREAD_LOCAL and section[5]:
            section[5] = -(-section[5] // ALIGNMENT) * ALIGNMENT + guard(section[5])
            section[8] = max(section[8], ALIGNMENT)
            _SECTION.pack_into(changed, place, *section)
    return bytes(changed)
