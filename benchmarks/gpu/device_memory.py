"""Arrays in device memory that PyCUDA's kernels and torch share, and launches timed by CUDA events. For ladders.py.

The same code runs on the CPU stand-in for a dry run: there torch gets a copy, since it has no such memory.
"""

from __future__ import annotations

import importlib.metadata
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pycuda.autoprimaryctx  # noqa: F401  (the context that torch uses, too)
import pycuda.driver as drv
import torch

EMULATED = "nogpu" in importlib.metadata.version("pycuda")
WARM_UP, SAMPLES, LEAST, SECONDS = 3, 31, 5, 1.5


class Buffer:
    """An array in device memory, not initialised; `pointer` is a kernel's argument."""

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        self.bytes = int(np.prod(shape)) * self.dtype.itemsize
        self.pointer = drv.mem_alloc(self.bytes)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """Return what torch needs to see the same memory (CUDA Array Interface, version 3)."""
        return {"shape": self.shape, "typestr": self.dtype.str, "data": (int(self.pointer), False), "version": 3,
                "strides": None}  # fmt: skip

    def tensor(self) -> torch.Tensor:
        """Return the same memory as a tensor on the GPU; a copy where there is none."""
        if not EMULATED:
            return torch.as_tensor(self, device="cuda")
        host = np.empty(self.shape, self.dtype)
        drv.memcpy_dtoh(host, self.pointer)
        return torch.from_numpy(host)

    def put(self, values: torch.Tensor) -> None:
        """Copy values of the same shape and dtype in."""
        if EMULATED:
            drv.memcpy_htod(self.pointer, np.ascontiguousarray(values.numpy()))
        else:
            self.tensor().copy_(values)

    def poison(self) -> None:
        """Fill with 0xff bytes, in float32 not a number: what a kernel leaves out shows."""
        drv.memset_d8(self.pointer, 0xFF, self.bytes)

    def clear(self) -> None:
        """Fill with zeros."""
        drv.memset_d8(self.pointer, 0, self.bytes)


def torch_device() -> str:
    """Return where torch makes the data."""
    return "cpu" if EMULATED else "cuda"


def processors() -> int:
    """Return the number of multiprocessors."""
    return int(drv.Context.get_device().multiprocessor_count)


def architecture() -> str:
    """Return the GPU's own target, as nvcc names it: sm_90."""
    major, minor = drv.Context.get_device().compute_capability()
    return f"sm_{major}{minor}"


def timed(launch: Callable[[], Any], work: float, unit: str) -> dict[str, Any]:
    """Return raw milliseconds, their median and work per second; `work` is bytes or floating-point operations.

    PyCUDA's default stream is the one that torch uses, so both kinds of launch stand between the events. Slow launches
    are repeated for 1.5 s only, at least five times.
    """
    for _ in range(WARM_UP):
        launch()
    drv.Context.synchronize()
    samples: list[float] = []
    end = time.perf_counter() + SECONDS
    while len(samples) < LEAST or (len(samples) < SAMPLES and time.perf_counter() < end):
        first, last = drv.Event(), drv.Event()
        first.record()
        launch()
        last.record()
        last.synchronize()
        samples.append(first.time_till(last))
    median = statistics.median(samples)
    return {"milliseconds": samples, "median": median, "rate": work / median * 1e3, "unit": unit}
