"""What a kernel's parameters are called and what they point to, as far as the source says it: for messages, and to see
that an array of the wrong dtype is passed. The launch itself does not need it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .. import source as cuda_source

_QUALIFIERS = re.compile(r"\b(?:const|volatile|__restrict__|__restrict|restrict|struct|__grid_constant__)\b|\[[^\]]*\]")
_SPACES = re.compile(r"\s+")

# What a pointer points to, as numpy's kind and size in bytes. Types that are not here may point to anything.
POINTEES = {
    "float": "f4", "double": "f8", "int": "i4", "signed int": "i4", "unsigned": "u4", "unsigned int": "u4",
    "uint": "u4", "short": "i2", "unsigned short": "u2", "ushort": "u2", "long long": "i8", "unsigned long long": "u8",
    "long long int": "i8", "unsigned long long int": "u8", "long": "i8", "unsigned long": "u8", "size_t": "u8",
    "int8_t": "i1", "uint8_t": "u1", "int16_t": "i2", "uint16_t": "u2", "int32_t": "i4", "uint32_t": "u4",
    "int64_t": "i8", "uint64_t": "u8", "bool": "b1", "__half": "f2", "half": "f2", "signed char": "i1",
    "float2": "f4", "float3": "f4", "float4": "f4", "double2": "f8", "int2": "i4", "int3": "i4", "int4": "i4",
}  # fmt: skip


@dataclass(frozen=True)
class ParameterText:
    """One parameter as it is written: `float* x` is ("x", "float", True)."""

    name: str
    type: str  # without qualifiers; of a pointer, what it points to
    is_pointer: bool

    @property
    def pointee(self) -> str:
        """numpy's letter and size of what it points to, or "" where anything may be passed."""
        return POINTEES.get(self.type, "") if self.is_pointer else ""


def parameters(source: str, kernel: str) -> list[ParameterText]:
    """Return the parameters of `kernel` as the source writes them; none where it cannot be seen (made by a macro)."""
    visible = cuda_source.masked(source)
    name = re.escape(kernel.split("<")[0].rpartition("::")[2])
    match = re.search(rf"\b__global__\b[^;{{}}]*?\b{name}\s*(?:<[^;{{}}()]*>)?\s*\(", visible)
    if match is None:
        return []
    start = match.end()
    text = visible[start : cuda_source.closing(visible, start - 1) - 1]
    return [_parameter(piece) for piece in _split(text) if piece.strip() not in ("", "void")]


def _parameter(text: str) -> ParameterText:
    is_pointer = "*" in text or "[" in text or "&" in text
    plain = _SPACES.sub(" ", _QUALIFIERS.sub(" ", text.partition("=")[0]).replace("*", " ").replace("&", " ")).strip()
    kind, _, name = plain.rpartition(" ")
    return ParameterText(name, kind, is_pointer) if kind else ParameterText("", name, is_pointer)


def _split(text: str) -> list[str]:
    pieces, depth, start = [], 0, 0
    for position, sign in enumerate(text):
        depth += (sign in "(<[") - (sign in ")>]")
        if sign == "," and depth == 0:
            pieces.append(text[start:position])
            start = position + 1
    return [*pieces, text[start:]]
