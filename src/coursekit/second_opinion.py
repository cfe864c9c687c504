"""What NVIDIA's own compiler says of a kernel, without a GPU: errors, registers, shared memory, spills.

Notebooks call `nvrtc_says` beside `coursekit.inspect`. It needs the optional library NVRTC (58 MB).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nogpu.cuda.nvrtc import Opinion


def nvrtc_says(source: str, arch: str = "sm_75", options: Sequence[str] = ()) -> Opinion:
    """Return NVIDIA's compiler's opinion of CUDA C text; print it to read it.

    `source` is what SourceModule takes. `arch` is the GPU it is compiled for: "sm_75" (Turing) to "sm_120" (Blackwell).
    `options` are nvcc's, as NVRTC has them. Raises ImportError, with the command that cures it, where NVRTC is missing.
    """
    from nogpu.cuda import nvrtc

    # SourceModule makes C functions of the kernels; templates and a source that does so itself cannot take that.
    plain = re.search(r'\btemplate\b|\bextern\s*"C"', source) is None
    return nvrtc.ask(f'extern "C" {{\n#line 1\n{source}\n}}' if plain else source, options, arch)
