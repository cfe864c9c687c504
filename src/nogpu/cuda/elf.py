"""Reads the names in a compiled module: an ELF file, the form of NVIDIA's cubins and of Linux's shared objects.

The driver asks it for global variables with their sizes, for kernels' mangled names, and for how much shared memory a
kernel declares. Layouts: System V ABI, "Object Files" (elf(5)).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")

_SYMBOL_TABLE = 2  # SHT_SYMTAB
_OBJECT, _FUNCTION, _THREAD_LOCAL, _INDIRECT = 1, 2, 6, 10  # STT_...
_UNDEFINED = 0  # SHN_UNDEF
_WRITABLE = 1  # SHF_WRITE
_SEALED = ".data.rel.ro"  # writable only while the file is loaded: constants that contain addresses
# The linker's names, ours, and the compiler's: tables of virtual functions, type information, guards.
_NOT_THE_LEARNERS = ("_DYNAMIC", "_GLOBAL_OFFSET_TABLE_", "_ZN5nogpu", "nogpu_", "_ZT", "_ZGV")


@dataclass
class Symbols:
    """The names that an ELF file defines: variables (address, bytes), functions by address, thread-local variables."""

    image: bytes = field(repr=False)
    variables: dict[str, tuple[int, int]] = field(default_factory=dict)
    constants: set[str] = field(default_factory=set)  # of the variables: memory that cannot be written
    functions: dict[int, str] = field(default_factory=dict)
    thread_local_places: dict[str, tuple[int, int]] = field(default_factory=dict)
    undefined: set[str] = field(default_factory=set)  # taken from elsewhere
    indirect: set[str] = field(default_factory=set)  # functions that code chooses when the file is loaded
    sections: list[tuple[str, int]] = field(default_factory=list)  # name, bytes

    @property
    def thread_local(self) -> dict[str, int]:
        """Thread-local variables and their sizes."""
        return {name: size for name, (_, size) in self.thread_local_places.items()}

    def __post_init__(self) -> None:
        header = _HEADER.unpack_from(self.image)
        section_offset, section_size, section_count = header[6], header[11], header[12]
        sections = [_SECTION.unpack_from(self.image, section_offset + i * section_size) for i in range(section_count)]
        titles = sections[header[13]][4]
        for section in sections:
            title = titles + section[0]
            self.sections.append((self.image[title : self.image.index(b"\0", title)].decode(), section[5]))
        sealed = {
            index
            for index, (section, (title, _)) in enumerate(zip(sections, self.sections, strict=True))
            if not section[2] & _WRITABLE or title.startswith(_SEALED)
        }
        for section in sections:
            if section[1] != _SYMBOL_TABLE:
                continue
            names = sections[section[6]]
            strings = self.image[names[4] : names[4] + names[5]]
            for offset in range(section[4], section[4] + section[5], _SYMBOL.size):
                self._add(strings, _SYMBOL.unpack_from(self.image, offset), sealed)

    def _add(self, strings: bytes, symbol: tuple[int, int, int, int, int, int], sealed: set[int]) -> None:
        name_offset, info, _, section, value, size = symbol
        name = strings[name_offset : strings.index(b"\0", name_offset)].decode()
        if section == _UNDEFINED:
            self.undefined.update({name} - {""})
            return
        kind = info & 15
        if kind == _OBJECT:
            self.variables[name] = (value, size)
            if section in sealed:
                self.constants.add(name)
        elif kind == _FUNCTION:
            if "." not in name:  # not a clone that the compiler made for itself
                self.functions[value] = name
        elif kind == _INDIRECT:
            self.indirect.add(name)
        elif kind == _THREAD_LOCAL and size:  # without size: Arm's marks in the code, such as _TLS_MODULE_BASE_
            self.thread_local_places[name] = (value, size)

    def learners_variables(self) -> list[str]:
        """Return the names of the variables that the source declares, in alphabetical order."""
        return sorted(name for name in self.variables if not name.startswith(_NOT_THE_LEARNERS))

    def name_at(self, address: int) -> str | None:
        """Return the function at `address`, as the linker knows it: mangled if it is a C++ name."""
        return self.functions.get(address)

    def static_shared(self, kernel: str) -> int:
        """Return the bytes of the `__shared__` variables declared in `kernel`, a name as the linker knows it.

        They are thread-local statics, mangled `_ZZ<function>E<name>` (Itanium C++ ABI, 5.1.6, local names).
        """
        function = kernel.removeprefix("_Z") if kernel.startswith("_Z") else f"{len(kernel)}{kernel}"
        total = 0
        for name, size in self.thread_local.items():
            if name.startswith(f"_ZZ{function}E"):
                total += size
        return total
