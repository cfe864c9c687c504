"""The wall between a kernel and the process that runs it: a kernel is arbitrary C++, and must not call the host.

`refusals` reads the source, for messages with a line. This module looks at what the compiler made of it, which no
macro can hide: every name that the compiled module takes from outside must be one that a kernel may use (the C math
library, memory copies, our runtime's border), and nothing may run when the module is loaded. Called by `compiler` for
both builds. It keeps honest mistakes and curiosity out; the grader runs foreign kernels in a sandbox besides.
"""

from __future__ import annotations

import ctypes
import re

from . import source as cuda_source
from .elf import Symbols
from .runtime import DEVICE_HEADERS

_MATH = set(re.findall(r"\w+", """
    acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 exp10 expm1 fabs fdim floor
    fma fmax fmin fmod frexp hypot ilogb j0 j1 jn ldexp lgamma llrint llround log log10 log1p log2 logb lrint lround
    modf nan nearbyint nextafter nexttoward pow pow10 remainder remquo rint round roundeven scalbln scalbn sin
    sincos sinh sqrt tan tanh tgamma trunc y0 y1 yn isnan isinf finite __finite __isnan __isinf __signbit
    __fpclassify cabs cacos cacosh carg casin casinh catan catanh ccos ccosh cexp cimag clog conj cpow cproj creal
    csin csinh csqrt ctan ctanh"""))  # fmt: skip
_PURE = set(re.findall(r"\w+", """
    memcpy memmove memset memcmp memchr strlen strcmp strncmp strcpy strncpy strcat strchr abs labs llabs div ldiv
    clock_gettime __memcpy_chk __memset_chk __memmove_chk __stack_chk_fail __cxa_pure_virtual __tls_get_addr
    __assert_fail __wrap_memcpy __wrap_memmove __wrap_memset _Znwm _Znam _ZdlPv _ZdlPvm _ZdaPv _ZdaPvm
    _GLOBAL_OFFSET_TABLE_ __dso_handle _ITM_deregisterTMCloneTable _ITM_registerTMCloneTable __gmon_start__
    __cxa_finalize"""))  # fmt: skip
ALLOWED = {
    *_PURE,
    *(name + suffix for name in _MATH for suffix in ("", "f", "l", "f32", "f64")),
    *(f"__{name}{suffix}_finite" for name in _MATH for suffix in ("", "f")),
}
# The compiler's own support for what a processor lacks: wide integers, complex and half-precision arithmetic.
_COMPILERS_OWN = re.compile(
    r"__(?:tsan|sanitizer_cov)_\w+|__ubsan_handle_divrem_overflow_abort|__(?:u?div|u?mod|mul|ash[lr]|lshr|neg|cmp|ucmp|popcount|clz|ctz|ffs|bswap|parity)\w*[dst]i\d?"
    r"|__(?:mul|div)[shdxt]c3|__(?:extend|trunc|fix|fixuns|float|floatun|add|sub|mul|div|neg|eq|ne|lt|le|gt|ge|unord)\w*[shdxt][fi]\w*"
    r"|__powi[sdx]f2|_ZGV[a-zA-Z]\w+|_ZTVN10__cxxabiv1\w+"
)
_BORDER = re.compile(r"\b(nogpu_\w+)\b")
DYNAMIC_INITIALIZATION = (
    "dynamic initialization is not allowed: a global variable of a kernel starts with constants only, and no code runs "
    "before the first launch"
)
_STARTS_CODE = (".init_array", ".fini_array", ".preinit_array", ".ctors", ".dtors", ".init", ".fini")


def find_trespasses(image: bytes, source: str, has_own_start: bool) -> list[tuple[int, str]]:
    """Return (line, sentence) for everything in the compiled module that a kernel must not have.

    `image` is the shared object made from `source`. With `has_own_start`, one start-up function is the compiler's own:
    -fsanitize=thread makes it.
    """
    symbols = Symbols(image)
    found = []
    for name in sorted(symbols.undefined - _allowed_border()):
        if name not in ALLOWED and not _COMPILERS_OWN.fullmatch(name):
            plain = _plain(name)
            found.append((_line_of(plain, source), _sentence(plain, name)))
    started = sum(size for section, size in symbols.sections if section.startswith(_STARTS_CODE))
    if started > 8 * has_own_start:
        found.append((_line_of_initialiser(source), DYNAMIC_INITIALIZATION))
    for name in sorted(symbols.indirect):
        found.append((_line_of(_plain(name), source), f"{_plain(name)}: functions chosen at load time are not allowed"))
    return sorted(found)


def _allowed_border() -> frozenset[str]:
    text = (DEVICE_HEADERS / "kernel_interface.h").read_text()
    return frozenset(_BORDER.findall(text))


def _plain(name: str) -> str:
    """Return a function's own name where the linker's is mangled."""
    match = re.match(r"_ZN?K?(\d+)(\w+)", name)
    if match is None:
        return name
    names, rest = [], name[match.start(1) :]
    while piece := re.match(r"(\d+)", rest):
        length = int(piece.group(1))
        names.append(rest[piece.end() : piece.end() + length])
        rest = rest[piece.end() + length :]
    return "::".join(names) or name


def _line_of(name: str, source: str) -> int:
    match = re.search(rf"\b{re.escape(name.rpartition('::')[2])}\b", cuda_source.masked(source))
    return cuda_source.line_of(source, match.start()) if match else 1


def _sentence(name: str, linkers_name: str) -> str:
    if hasattr(ctypes.CDLL(None), linkers_name):
        return (
            f'calling a __host__ function("{name}") from a __global__ function is not allowed: a kernel cannot call '
            "the host's libraries or the operating system"
        )
    return f"unresolved extern function '{name}': it is declared, not defined"


def _line_of_initialiser(source: str) -> int:
    """Return the first line outside of all braces that starts a variable by a call or a constructor, else 1."""
    visible = cuda_source.masked(source)
    classes = "|".join(map(re.escape, re.findall(r"\b(?:struct|class)\s+(\w+)", visible)))
    constructed = re.compile(rf"^\s*(?:__\w+__\s+|static\s+)*(?:{classes})\s+\w+\s*[;({{=\[]") if classes else None
    depth = 0
    for line, text in enumerate(visible.splitlines(), 1):
        declares = depth == 0 and not re.match(r"\s*(?:#|typedef|using|template)|.*__global__", text)
        by_call = re.search(r"\b\w+\s*(?:\[\w*\]\s*)?=[^=].*\(", text.partition("{")[0])
        if declares and (by_call or (constructed and constructed.match(text))):
            return line
        depth += text.count("{") - text.count("}")
    return 1
