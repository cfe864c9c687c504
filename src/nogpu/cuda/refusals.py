"""What the CPU stand-in leaves out of CUDA C, each refused by its name and line: never silently, never half.

`compiler` asks before it compiles. What is listed here would compile to nonsense, or to a message about a name that
the learner never wrote.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from . import source as cuda_source

# Each: what to look for in the source without comments and strings, its name, what to do instead.
REFUSED = (
    (r"<<<", "launching a kernel from a kernel (dynamic parallelism)", "launch it from Python"),
    (r"\basm\b|\b__asm__\b|\b__asm\b", "inline PTX (asm)", "write it in C++, or use the intrinsic of the same name"),
    (r"\btexture\s*<|\btex[123]D\w*\s*[<(]|\bcudaTextureObject_t\b", "textures", "read the array by index"),
    (r"\bsurface\s*<|\bsurf[123]D\w*\s*[<(]|\bcudaSurfaceObject_t\b", "surfaces", "read and write the array by index"),
    (r"\bwmma\s*::|\bnvcuda\b|\b__mma_\w+|\bwgmma\b", "tensor-core intrinsics (wmma)", "multiply with ordinary code"),
    (r"\bcurandState(?:Scrambled)?Sobol\w*|\bcurandStateMtgp32\w*|\bcurand_discrete\w*",
     "cuRAND's Sobol and MTGP32 generators and discrete distributions (their tables are in NVIDIA's host library)",
     "use XORWOW, Philox or MRG32k3a: curandState, curandStatePhilox4_32_10_t, curandStateMRG32k3a_t"),
    (r"\bcudaGraph\w*|\bcuGraph\w*", "CUDA graphs", "launch the kernels one by one"),
    (r"\bcuda(?:Malloc|Memcpy|DeviceSynchronize|StreamCreate|EventCreate)\w*\s*\(", "the CUDA runtime API in kernels",
     "allocate, copy and synchronise in Python"),
    (r"\bcuda\s*::\s*(?!std\b)\w+", "libcu++ (namespace cuda)", "use __syncthreads(), atomics and shuffles"),
    (r"\b__shfl(?:_up|_down|_xor)?\s*\(|\b__(?:any|all|ballot)\s*\(", "warp functions without _sync",
     "CUDA removed them: use the _sync form with a mask, such as __shfl_down_sync(0xffffffff, value, 1)"),
    (r"\b__(?:constructor|destructor)__\b|__attribute__\s*\(\s*\(\s*(?:constructor|destructor)|\[\[\s*gnu\s*::\s*(?:con|de)structor",
     "constructor functions", "kernels have no start-up code"),
    (r"\b(?:__attribute__|\[\[\s*gnu\s*::)[^;{}]*\b(?:section|ifunc|alias|weakref|cleanup)\b",
     "attributes that reach into the linker",
     "kernels need none"),
    (r"#\s*pragma\s+(?:redefine_extname|weak)", "pragmas that rename functions", "kernels need none"),
    (r"\b(?:nogpu|__tsan|__sanitizer)_\w+|\bnogpu\s*::|\bNOGPU_\w+", "the stand-in's own names", "choose others"),
    (r"(?:^|(?<=\n))[ \t]*(?:#|%:)[ \t]*(?:include_next|import|embed|include(?=[ \t]*[A-Za-z_\\]))"
     r"|(?:^|(?<=\n))[ \t]*%:[ \t]*include",
     "#include of what is not written out", "name the header: #include <...>"),
)  # fmt: skip

# Headers that a kernel may include: CUDA's (device/include), PyCUDA's, and the C library's pure ones.
PLAIN_HEADERS = {
    "assert.h", "cassert", "cfloat", "climits", "cmath", "cstddef", "cstdint", "cstdio", "cstdlib", "cstring",
    "float.h", "inttypes.h", "limits", "limits.h", "math.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h",
    "stdlib.h", "string.h", "type_traits", "utility", "initializer_list", "array", "tuple", "complex.h",
}  # fmt: skip
PYCUDA_HEADERS = {"pycuda-complex.hpp", "pycuda-complex-impl.hpp", "pycuda-helpers.hpp"}
CPP_HEADERS = {"curand_kernel.h", "cuda_fp16.h", "cuda_bf16.h", "cooperative_groups.h"}  # with overloads and templates
REFUSED_HEADERS = {
    "mma.h": "tensor-core intrinsics: multiply with ordinary code",
    "cuda/barrier": "libcu++: use __syncthreads()",
    "cuda/pipeline": "libcu++: copy with ordinary code",
}


def find_refused(
    source: str, folders: Sequence[Path], own_headers: Path, in_extern_c: bool = False
) -> list[tuple[int, str]]:
    """Return (line, sentence) for each thing in `source` that is not supported, in the order of lines.

    A name that is used again and again is told of once, where it comes first. `folders` are the learner's -I folders:
    their own headers are allowed. `own_headers` holds CUDA's, as made for the CPU. `in_extern_c`: PyCUDA has put
    extern "C" around the source.
    """
    visible = cuda_source.masked(source)
    found = []
    for pattern, what, instead in REFUSED:
        names = set()
        for match in re.finditer(pattern, visible):
            if match.group() not in names:
                names.add(match.group())
                line = cuda_source.line_of(visible, match.start())
                found.append((line, f"the CPU stand-in leaves out {what}: {instead}"))
    for match in re.finditer(r'(?<!\w)(?:u8|[uUL])?R"', source):
        line = cuda_source.line_of(source, match.start())
        found.append((line, 'the CPU stand-in leaves out raw strings, R"(...)": write an ordinary one'))
    for line, name, _ in cuda_source.includes(source):
        sentence = _refused_header(name, folders, own_headers)
        if in_extern_c and name in CPP_HEADERS and 'extern "C++"' not in source:
            sentence = (
                f'{name} is C++, and PyCUDA puts extern "C" around the source: call '
                'SourceModule(source, no_extern_c=True) and write extern "C" before each __global__'
            )
        if sentence:
            found.append((line, sentence))
    return sorted(found)


def needs_second_look(source: str) -> bool:
    """Say whether words may be put together from pieces, so that only the preprocessor's output shows them."""
    return re.search(r"##|%:|\\[ \t]*\n", source) is not None


def without_splices(source: str) -> str:
    """Return `source` with lines that a backslash continues joined, as the compiler reads them."""
    return re.sub(r"\\[ \t]*\n", "", source)


def find_refused_words(preprocessed: str) -> list[tuple[int, str]]:
    """Return the same as `find_refused` for the preprocessor's output, with its line markers."""
    found, line = [], 0
    for text in cuda_source.masked(preprocessed).splitlines():
        marker = re.match(r"# (\d+) ", text)
        if marker:
            line = int(marker.group(1)) - 1
            continue
        line += 1
        for pattern, what, instead in REFUSED:
            if re.search(pattern, text):
                found.append((max(line, 1), f"the CPU stand-in leaves out {what}: {instead}"))
    return found


def _refused_header(name: str, folders: Sequence[Path], own_headers: Path) -> str:
    if name.startswith("/") or ".." in Path(name).parts:
        return f"{name} is not a header that a kernel can include: no absolute path, and no .."
    if name in PLAIN_HEADERS or name in PYCUDA_HEADERS or (own_headers / name).is_file():
        return ""
    if name in REFUSED_HEADERS:
        return f"the CPU stand-in leaves out {REFUSED_HEADERS[name]}"
    if name.startswith(("thrust/", "cub/", "cuda/")):
        return f"the CPU stand-in leaves out {name.partition('/')[0]}: write the algorithm out, or use pycuda.gpuarray"
    if any((folder / name).is_file() for folder in folders):
        return ""
    return f"{name} is not a header that a kernel can include here: there is no such file in the folders given by -I"
