"""Stands where PyCUDA has its C++ extension: the CUDA driver, on the CPU.

PyCUDA asks two things of NVIDIA: the driver, which is this module, and the compiler nvcc, which PyCUDA runs as a
program in `pycuda.compiler.compile_plain`. Here the compiler is a function, put in its place.
"""

try:
    from nogpu.cuda.driver import *  # noqa: F403
except ModuleNotFoundError as missing:
    if not (missing.name or "").startswith("nogpu"):
        raise
    raise ImportError(
        "this pycuda is the CPU stand-in of the course From Tensors to TensorRT, and the course is not installed "
        "here: run `make setup`, or uninstall pycuda and install the real one"
    ) from None

import pycuda.compiler

from nogpu.cuda.compiler import compile_plain

pycuda.compiler.compile_plain = compile_plain
