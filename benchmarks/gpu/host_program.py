"""A C++ program around one kernel and its NumPy arguments, so that NVIDIA's tools can run it. Used by tools.py."""

from __future__ import annotations

from typing import Any

import numpy as np


def three(size: Any) -> tuple[int, int, int]:
    """Return a block's or grid's size in three dimensions."""
    given = tuple(size) if isinstance(size, (tuple, list)) else (size,)
    x, y, z = (*given, 1, 1)[:3]
    return int(x), int(y), int(z)


def host_program(source: str, kernel: str, arguments: tuple[Any, ...], block: Any, grid: Any, shared: int) -> str:
    """Return CUDA C++ text with a `main` that launches the kernel once; its exit code is CUDA's error.

    Arrays are copied to the device, each by its own allocation. Raises TypeError for an argument that is neither
    a NumPy array nor a NumPy scalar.
    """
    plain = "template" in source or 'extern "C"' in source
    text = [source if plain else f'extern "C" {{\n#line 1 "kernel.cu"\n{source}\n}}', "int main() {"]
    freed = []
    for i, argument in enumerate(arguments):
        if not isinstance(argument, (np.ndarray, np.generic)):
            raise TypeError(f"{type(argument).__name__} is no NumPy array or scalar; a host program cannot hold it.")
        values = ",".join(map(str, np.ascontiguousarray(argument).tobytes())) or "0"
        size = int(argument.nbytes)
        text.append(f"  alignas(16) static unsigned char h{i}[] = {{{values}}};")
        if isinstance(argument, np.ndarray):
            text.append(f"  void* d{i} = nullptr; cudaMalloc(&d{i}, {max(size, 1)});")
            text.append(f"  cudaMemcpy(d{i}, h{i}, {size}, cudaMemcpyHostToDevice); void* p{i} = &d{i};")
            freed.append(f"  cudaFree(d{i});")
        else:
            text.append(f"  void* p{i} = h{i};")
    pointers = ", ".join(f"p{i}" for i in range(len(arguments))) or "nullptr"
    (bx, by, bz), (gx, gy, gz) = three(block), three(grid)
    text += [
        f"  void* parameters[] = {{{pointers}}};",
        f"  dim3 grid({gx}, {gy}, {gz}), block({bx}, {by}, {bz});",
        f"  cudaError_t e = cudaLaunchKernel((const void*){kernel}, grid, block, parameters, {shared});",
        "  if (e == cudaSuccess) e = cudaDeviceSynchronize();",
        *freed,
        "  return (int)e & 127;\n}",
    ]
    return "\n".join(text) + "\n"
