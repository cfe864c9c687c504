"""PTX: the assembly language that NVIDIA's compilers make of a kernel, on machines with and without a GPU.

Lesson 07 takes one look. The text always comes from NVIDIA's own compiler, nvcc or NVRTC; the CPU stand-in makes none.
"""

from __future__ import annotations

from coursekit.device import origin


def ptx(source: str) -> str:
    """Return the PTX of the kernels in `source`, CUDA C text as `pycuda.compiler.SourceModule` takes it.

    Uses NVRTC where it is installed, else nvcc by way of the real PyCUDA. Raises ImportError with the cure where there
    is neither, and ValueError with the compiler's messages for source that does not compile.
    """
    from nogpu.cuda import nvrtc

    if nvrtc.find_library() is not None:
        return nvrtc.ptx(f'extern "C" {{\n{source}\n}}')
    if origin("pycuda") == "real":
        from pycuda.compiler import compile
        from pycuda.driver import CompileError

        try:
            return str(compile(source, target="ptx").decode())
        except CompileError as error:
            raise ValueError(error.stderr) from None
    raise ImportError(
        "PTX needs NVIDIA's compiler. In the course's folder: pip install '.[nvrtc]' (58 MB, no GPU needed)"
    )
