"""Reads CUDA C just far enough: comments and strings out of the way, kernels found, includes listed.

`rewrite` turns what is found here into C++, `refusals` looks for what is not supported. Nothing here understands
types or expressions: that is the C++ compiler's work.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

_HIDDEN = re.compile(
    r"""//(?:\\\n|[^\n])*|/\*.*?(?:\*/|\Z)|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""",
    re.DOTALL,
)
_SCOPES = re.compile(r"\bnamespace\s+((?:\w+\s*::\s*)*\w+)\s*\{|[{}]")
_BRACES = re.compile(r"(\b(?:namespace\b[\w\s:]*|extern\s*))?\{|\}")
_AFTER_GLOBAL = re.compile(r"\b(\w+)\s*(?=[(<])")
_INCLUDE = re.compile(r"^[ \t]*(?:#|%:)[ \t]*include[ \t]*([<\"])([^>\"\n]+)[>\"]", re.MULTILINE)
_NOT_A_NAME = {"__launch_bounds__", "__attribute__", "__align__", "__maxnreg__"}


@dataclass(frozen=True)
class Kernel:
    """A kernel as the source names it: `scale`, `math::scale` or, instantiated by hand, `scale<float>`."""

    name: str
    maximum_threads: str  # first argument of __launch_bounds__, an expression; "0" where there is none


def masked(source: str) -> str:
    """Return `source` with comments, strings and character constants blanked: same length, same lines."""
    return _HIDDEN.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), source)


def includes(source: str) -> list[tuple[int, str, bool]]:
    """Return (line, name, in quotes) of each #include that is not in a comment."""
    text = _without_comments(source)
    matches = _INCLUDE.finditer(text)
    return [(line_of(text, match.start()), match.group(2).strip(), match.group(1) == '"') for match in matches]


def _without_comments(source: str) -> str:
    """Return `source` with comments blanked, and strings as they are."""

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match.group()) if match.group().startswith("/") else match.group()

    return _HIDDEN.sub(blank, source)


def line_of(source: str, position: int) -> int:
    """Return the line, from 1, in which `position` lies."""
    return source.count("\n", 0, position) + 1


def needs_preprocessing(source: str) -> bool:
    """Say whether kernels can be hidden from the eye: made by macros, switched off by #if, or in other files."""
    visible = masked(source)
    if re.search(r"^[ \t]*#[ \t]*if", visible, re.MULTILINE):
        return True
    if re.search(r"^[ \t]*#[ \t]*define\b(?:\\\n|[^\n])*__global__", visible, re.MULTILINE):
        return True
    return any(quoted for _, _, quoted in includes(source))


def kernels(source: str) -> list[Kernel]:
    """Return the kernels that `source` defines or instantiates, in order, each once."""
    visible = masked(source)
    namespaces = _Namespaces(visible)
    found: dict[str, Kernel] = {}
    for match in re.finditer(r"\b__global__\b", visible):
        kernel = _kernel_at(visible, match.start(), match.end(), namespaces)
        if kernel is not None:
            found.setdefault(kernel.name, kernel)
    return list(found.values())


def _kernel_at(text: str, start: int, end: int, namespaces: _Namespaces) -> Kernel | None:
    before = text[max(text.rfind(sign, 0, start) for sign in ";{}") + 1 : start]
    before = re.sub(r"^[ \t]*#[^\n]*$", "", before, flags=re.MULTILINE)
    template = re.search(r"\btemplate\b\s*(<)?", before)
    if template and template.group(1) and not re.search(r"\btemplate\s*<\s*>", before):
        return None  # a template is no kernel until it is instantiated
    maximum, position = "0", end
    while True:
        name = _AFTER_GLOBAL.search(text, position)
        if name is None:
            return None
        if name.group(1) not in _NOT_A_NAME:
            break
        close = closing(text, name.end())
        if name.group(1) == "__launch_bounds__":
            maximum = _first_argument(text[name.end() + 1 : close - 1])
        position = close
    position, arguments = name.end(), ""
    if text[position] == "<":
        close = _closing_angle(text, position)
        arguments, position = text[position:close], close
    after = text[closing(text, text.find("(", position)) :].lstrip()
    if not after.startswith("{") and not (template and after.startswith(";")):
        return None  # a declaration: the definition follows, or the linker will say that it does not
    return Kernel("".join(f"{space}::" for space in namespaces.at(start)) + name.group(1) + arguments, maximum)


class _Namespaces:
    """Which namespaces are open at each place of a text."""

    def __init__(self, text: str) -> None:
        self._positions: list[int] = [-1]
        self._open: list[tuple[str, ...]] = [()]
        stack: list[str] = []
        for match in _SCOPES.finditer(text):
            if match.group() == "}":
                if stack:
                    stack.pop()
            else:
                stack.append(re.sub(r"\s", "", match.group(1)) if match.group(1) else "")
            self._positions.append(match.end() - 1)
            self._open.append(tuple(name for name in stack if name))

    def at(self, position: int) -> tuple[str, ...]:
        return self._open[bisect_right(self._positions, position) - 1]


def is_in_block(visible: str, position: int) -> bool:
    """Say whether `position` of a masked text is in a function's or class's braces, not only in a namespace's."""
    stack: list[bool] = []
    for match in _BRACES.finditer(visible, 0, position):
        if match.group() != "}":
            stack.append(match.group(1) is None)
        elif stack:
            stack.pop()
    return any(stack)


def closing(text: str, start: int) -> int:
    """Return the position after the parenthesis that closes the first one at or after `start`."""
    depth = 0
    for position in range(max(start, 0), len(text)):
        if text[position] == "(":
            depth += 1
        elif text[position] == ")":
            depth -= 1
            if depth == 0:
                return position + 1
    return len(text)


def _closing_angle(text: str, start: int) -> int:
    depth = 0
    for position in range(start, len(text)):
        if text[position] == "<":
            depth += 1
        elif text[position] == ">":
            depth -= 1
            if depth == 0:
                return position + 1
    return len(text)


def _first_argument(text: str) -> str:
    depth = 0
    for position, sign in enumerate(text):
        depth += (sign in "(<[") - (sign in ")>]")
        if sign == "," and depth == 0:
            return text[:position].strip()
    return text.strip() or "0"
