"""What nvcc refuses and a C++ compiler takes: told with nvcc's words, or a kernel would run here and on no GPU.

Called by `compiler`, beside `refusals`. Only what can be seen in the text without understanding it, and so is certain.
"""

from __future__ import annotations

import re

from . import source as cuda_source

_INITIALISED = re.compile(r"\b__shared__\b[^;(){}=]*?\b\w+\s*(?:\[[^\]]*\]\s*)*=(?!=)")
_CONSTANT = re.compile(r"\b__constant__\b")
_STATEMENT_BEFORE = re.compile(r"(?:[;{}]|\b(?:else|do))\Z")
_CONDITION_BEFORE = re.compile(r"\b(?:if|for|while|switch)\s*\Z")


def find_violations(source: str) -> list[tuple[int, str]]:
    """Return (line, sentence) for each thing in `source` that nvcc does not allow."""
    visible = cuda_source.masked(source)
    found = [
        (match.start(), "initializer not allowed for __shared__ variable: let a thread assign it, then __syncthreads()")
        for match in _INITIALISED.finditer(visible)
        if not _is_macro(visible, match.start())
    ]
    found += [
        (match.start(), 'a "__constant__" variable declaration is not allowed inside a function body: put it outside')
        for match in _CONSTANT.finditer(visible)
        if cuda_source.is_in_block(visible, match.start()) and not _is_macro(visible, match.start())
    ]
    for name in {kernel.name.partition("<")[0].rpartition("::")[2] for kernel in cuda_source.kernels(source)}:
        sentence = f"a __global__ function call must be configured: declare {name} as __device__ to call it from here"
        found += [(position, sentence) for position in _calls(visible, name)]
    return sorted((cuda_source.line_of(visible, position), sentence) for position, sentence in found)


def _calls(visible: str, kernel: str) -> list[int]:
    """Return where the kernel of that name is called: as a statement, for it has no value.

    Nothing where the source gives the name to another function, too.
    """
    calls = []
    for match in re.finditer(rf"\b{re.escape(kernel)}\s*\(", visible):
        before = visible[: match.start()].rstrip()
        words = before[max(before.rfind(sign) for sign in ";{}") + 1 :]
        if cuda_source.is_in_block(visible, match.start()) and _begins_statement(before):
            calls.append(match.start())
        elif "__global__" not in words and re.search(r"\w\s*[*&]*\Z", words) and not words.strip().endswith("return"):
            return []
    return calls


def _begins_statement(before: str) -> bool:
    """Say whether a statement begins behind `before`."""
    if not before.endswith(")"):
        return _STATEMENT_BEFORE.search(before) is not None
    depth = 0
    for start in range(len(before) - 1, -1, -1):
        depth += (before[start] == ")") - (before[start] == "(")
        if depth == 0:
            return _CONDITION_BEFORE.search(before[:start]) is not None
    return False


def _is_macro(visible: str, position: int) -> bool:
    return visible[visible.rfind("\n", 0, position) + 1 : position].lstrip().startswith("#")
