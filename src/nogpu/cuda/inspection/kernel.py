"""A source compiled by the inspecting build and loaded, with what messages need: lines, variables, parameters."""

from __future__ import annotations

import ctypes
import functools
import re
from dataclasses import dataclass

from .. import compiler, modules, rewrite
from .. import source as cuda_source
from ..arguments import Parameter
from ..elf import Symbols
from ..runtime import KernelEntry
from . import library, redzones, signature
from .build import INSPECTING
from .lines import Lines
from .machine_code import text_start

DYNAMIC_SHARED = "nogpu_dynamic_shared"
ELEMENT_SIZES = {"float": 4, "double": 8, "int": 4, "unsigned": 4, "unsigned int": 4, "char": 1, "unsigned char": 1}


@dataclass(frozen=True)
class Variable:
    """A variable of the module: its name, and its place from the module's start or in its thread-local memory."""

    name: str
    offset: int
    size: int
    space: int
    element_size: int
    function: str = ""  # the kernel that a shared variable is declared in, where the name tells
    guard: int = 0  # bytes behind it that belong to nobody


class InspectedModule:
    """One source, compiled and loaded once in a process, for all its kernels."""

    def __init__(self, source: str, options: tuple[str, ...]) -> None:
        image = compiler.compile_cubin(source, options, INSPECTING)
        library.library()  # kernels refer to the runtime's names
        self.source = rewrite.own_text(source)
        self.image = image
        self.lines = Lines(image)
        self._library = modules.load_image(image, "cuModuleLoadDataEx")
        self.symbols = Symbols(image)
        table = (KernelEntry * 65536).in_dll(self._library, "nogpu_kernels")
        self.kernels: dict[str, KernelEntry] = {}
        for entry in table:
            if entry.name is None:
                break
            self.kernels[entry.name.decode()] = entry
        here = ctypes.addressof(ctypes.c_char.in_dll(self._library, "nogpu_kernels"))
        self.text = text_start(image)  # where the code begins, within the module
        self.base = here - self.symbols.variables["nogpu_kernels"][0]

    def entry(self, kernel: str) -> KernelEntry:
        """Return the kernel of that name. Raises LookupError, which says what there is."""
        if kernel not in self.kernels:
            known = ", ".join(self.kernels) or "none"
            raise LookupError(f"there is no kernel {kernel!r} in this source; it has: {known}")
        return self.kernels[kernel]

    @functools.cached_property
    def shared(self) -> list[Variable]:
        """The `__shared__` variables, the dynamic one (size 0 here: a launch says it) included."""
        variables = []
        for name, (offset, size) in self.symbols.thread_local_places.items():
            plain = self._dynamic_name() if name == DYNAMIC_SHARED else _plain_name(name)
            size = 0 if name == DYNAMIC_SHARED else size
            function = "" if name == DYNAMIC_SHARED else _function_of(name)
            variables.append(Variable(plain, offset, size, library.SHARED, self._element_size(plain), function))
        return variables

    @functools.cached_property
    def variables(self) -> list[Variable]:
        """The `__device__` and `__constant__` variables."""
        found = []
        for name in self.symbols.learners_variables():
            offset, size = self.symbols.variables[name]
            plain = _plain_name(name)
            constant = re.search(rf"\b__constant__\b[^;(]*\b{re.escape(plain)}\b", self._visible)
            space = library.CONSTANT if constant else library.GLOBAL
            found.append(Variable(plain, offset, size, space, self._element_size(plain), guard=redzones.guard(0)))
        return [variable for variable in found if variable.size]

    def variable_addresses(self) -> dict[str, tuple[int, int]]:
        """Return (address, bytes) of each `__device__` and `__constant__` variable, by the linker's name."""
        places = ((name, self.symbols.variables[name]) for name in self.symbols.learners_variables())
        return {name: (self.base + offset, size) for name, (offset, size) in places}

    def parameters(self, kernel: str) -> list[Parameter]:
        """Return the kinds and places of a kernel's parameters."""
        entry = self.entry(kernel)
        kinds = entry.kinds.decode()
        return [Parameter(kinds[i], entry.offsets[i], entry.sizes[i]) for i in range(entry.count)]

    def parameter_texts(self, kernel: str) -> list[signature.ParameterText]:
        """Return the parameters as written, as many as there are; without names where the source does not show them."""
        texts = signature.parameters(self.source, kernel)
        count = self.entry(kernel).count
        if len(texts) == count:
            return texts
        return [signature.ParameterText(f"argument {i}", "", False) for i in range(count)]

    def line_of_kernel(self, kernel: str) -> int:
        """Return the line in which the kernel's definition begins, or 0 where it is not seen."""
        name = re.escape(kernel.split("<")[0].rpartition("::")[2])
        match = re.search(rf"\b__global__\b[^;{{}}]*?\b{name}\s*(?:<[^;{{}}()]*>)?\s*\(", self._visible)
        return cuda_source.line_of(self._visible, match.start()) if match else 0

    def text_of_kernel(self, kernel: str) -> str:
        """Return the text of that line."""
        line = self.line_of_kernel(kernel)
        return self.source.splitlines()[line - 1] if line else ""

    @functools.cached_property
    def _visible(self) -> str:
        return cuda_source.masked(self.source)

    def _dynamic_name(self) -> str:
        match = re.search(r"\bextern\b[^;]*?__shared__[^;]*?(\w+)\s*\[\s*\]", self._visible)
        return match.group(1) if match else "dynamic shared memory"

    def _element_size(self, name: str) -> int:
        """Return the bytes of one element of the array `name`, as its declaration says; 0 where that is not plain."""
        others = r"(?:\w+\s*(?:\[[^\]]*\]\s*)*,\s*)*?"  # float a[8], b[8];
        match = re.search(rf"([\w ]+?)\s+{others}\b{re.escape(name)}\s*(?:\[|;|=|,)", self._visible)
        if match is None:
            return 0
        words = [word for word in match.group(1).split() if not word.startswith("__") and word not in _NOT_TYPES]
        code = signature.POINTEES.get(" ".join(words), "")
        return int(code[1:]) if code else ELEMENT_SIZES.get(" ".join(words), 0)


_NOT_TYPES = {"extern", "static", "const", "volatile"}


def _plain_name(mangled: str) -> str:
    """Return a variable's own name: a local static's is _ZZ<function>E<length><name>, perhaps with a number behind."""
    if not mangled.startswith("_Z"):
        return mangled
    # The last <length><name> of which nothing is left but the mark of its scope: "_0", "_12", "E", or a number.
    for start in range(len(mangled) - 1, 1, -1):
        match = re.match(r"(\d+)([A-Za-z_]\w*)", mangled[start:])
        if match and not mangled[start - 1].isdigit():
            name, rest = match.group(2)[: int(match.group(1))], match.group(2)[int(match.group(1)) :]
            if len(name) == int(match.group(1)) and re.fullmatch(r"(?:_\d+|E|_)*", rest):
                return name
    return mangled


def _function_of(mangled: str) -> str:
    match = re.match(r"_ZZ(?:N?)(\d+)(\w+)", mangled)
    return match.group(2)[: int(match.group(1))] if match else ""


@functools.lru_cache(maxsize=64)
def inspected_module(source: str, options: tuple[str, ...]) -> InspectedModule:
    """Return the module of `source`, compiled and loaded at the first call. Raises CompileFailure."""
    return InspectedModule(source, options)
