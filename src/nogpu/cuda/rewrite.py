"""Turns CUDA C into C++ that an ordinary compiler takes, changing as little as can be, and no line numbers.

Three things: each `extern __shared__` declaration becomes a view of the block's one dynamic array, `static` goes where
`__shared__` stands beside it (ours says it already), and at the end comes a table of the kernels. All the rest of CUDA
is the device headers' work. Called by `compiler`, for both builds: the fast one, and the inspecting one of the
sanitizer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from . import source as cuda_source
from .source import Kernel

FILE_NAME = "kernel.cu"  # what the learner's source is called in messages, as PyCUDA calls it
TABLE_NAME = "kernel table"  # and what the end that is added to it is called; diagnostics knows both
WRAPPER = 'extern "C" {\n'  # put around the source by PyCUDA, unless no_extern_c is given

_DYNAMIC_SHARED = re.compile(
    r"\b(?:extern\b(?P<before>[^;{}()#]*?)__shared__\b|__shared__\s+extern\b)(?P<rest>[^;{}#]*?\[\s*\])\s*;"
)
_STATIC_SHARED = re.compile(r"\bstatic\b(?=[\w\s]*\b__shared__\b)|(?<=\b__shared__)(\s[\w\s]*?)\bstatic\b")
_ATTRIBUTE = re.compile(r"\b(?:__align__|alignas)\s*\([^()]*\)")
_ARRAY = re.compile(r"(?P<type>.*\W)(?P<name>\w+)\s*\[\s*\]", re.DOTALL)


def to_cpp(source: str, macros: Sequence[str], preprocess: Callable[[str], str]) -> str:
    """Return C++ for the CUDA C `source`.

    `macros` are nvcc's -D options without the -D. `preprocess` runs the C preprocessor; it is asked only where kernels
    cannot be seen otherwise (made by a macro, or between #if and #endif).
    """
    visible = preprocess(source) if cuda_source.needs_preprocessing(source) else source
    kernels = cuda_source.kernels(visible)
    body = _dynamic_shared(_without_static(source))
    line = f'#line 1 "{FILE_NAME}"\n'
    body = WRAPPER + line + body.removeprefix(WRAPPER) if body.startswith(WRAPPER) else line + body
    definitions = "".join(_definition(macro) for macro in macros)
    storage = "NOGPU_DYNAMIC_SHARED_STORAGE\n" if "NOGPU_DYNAMIC_SHARED" in body else ""
    return f"{definitions}{body}\n{kernel_table(kernels)}{storage}"


def own_text(source: str) -> str:
    """Return `source` as the learner wrote it, without PyCUDA's wrapper: its lines are those of messages."""
    if source.startswith(WRAPPER):
        return source.removeprefix(WRAPPER).removesuffix("\n}\n")
    return source


def kernel_table(kernels: Sequence[Kernel]) -> str:
    """Return the C++ that describes `kernels` to the driver (device/kernel_table.h)."""
    lines = [f'#line 1 "{TABLE_NAME}"', "NOGPU_KERNELS_BEGIN"]
    lines += [f'NOGPU_KERNEL("{kernel.name}", {kernel.maximum_threads}, {kernel.name})' for kernel in kernels]
    return "\n".join([*lines, "NOGPU_KERNELS_END", ""])


def _dynamic_shared(source: str) -> str:
    visible = cuda_source.masked(source)
    has_templates = re.search(r"\btemplate\b", visible) is not None
    pieces, end = [], 0
    for match in _DYNAMIC_SHARED.finditer(visible):
        declaration = f"{match.group('before') or ''} {match.group('rest')}".strip()
        newlines = "\n" * (visible.count("\n", match.start(), match.end()) - declaration.count("\n"))
        array = _ARRAY.fullmatch(declaration)
        if has_templates and array and cuda_source.is_in_block(visible, match.start()):
            plain = _ATTRIBUTE.sub("", array.group("type"))
            declaration = f"NOGPU_DYNAMIC_SHARED_VIEW({array.group('name')}, {plain.strip()})"
        else:
            declaration = f"NOGPU_DYNAMIC_SHARED({declaration})"
        pieces += [source[end : match.start()], f"{declaration};{newlines}"]
        end = match.end()
    return "".join([*pieces, source[end:]])


def _without_static(source: str) -> str:
    visible = cuda_source.masked(source)
    pieces, end = [], 0
    for match in _STATIC_SHARED.finditer(visible):
        pieces += [source[end : match.end() - len("static") if match.group(1) is not None else match.start()], "      "]
        end = match.end()
    return "".join([*pieces, source[end:]])


def _definition(macro: str) -> str:
    name, _, value = macro.partition("=")
    return f"#define {name} {value if '=' in macro else '1'}\n"
