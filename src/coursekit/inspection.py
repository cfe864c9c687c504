"""`coursekit.inspect`: run a kernel under `nogpu`'s sanitizer, on the CPU, on every machine.

Notebooks call it for kernels that are wrong on purpose, labs' checks for every kernel. Beside a real PyCUDA the arrays
may lie on the GPU: they are copied to the host for the inspection, and back after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from coursekit import device

if TYPE_CHECKING:
    from nogpu import Report


def inspect(source: str, kernel: str, *args: Any, **launch: Any) -> Report:
    """Run `kernel` of the CUDA C text `source` under the sanitizer and return the Report: findings, profile, pictures.

    `args` are the kernel's arguments: NumPy arrays, torch tensors, PyCUDA's GPUArrays and DeviceAllocations (all are
    changed in place), and NumPy scalars. `launch` is that of `nogpu.inspect`: block=, grid=, shared=, options=, orders=
    and seconds=. Raises nogpu.CompileFailure, LookupError, TypeError and ValueError as `nogpu.inspect` does.
    """
    import nogpu

    hosts = [_on_host(value) for value in args]
    report = nogpu.inspect(source, kernel, *hosts, **launch)
    for value, host in zip(args, hosts, strict=True):
        if host is not value:
            _put_back(value, host)
    return report


def _on_host(value: Any) -> Any:
    """Return what the CPU can work on: NumPy arrays and scalars, and the stand-in's own device memory, as they are."""
    if _is_tensor(value):
        return value.detach().cpu().numpy()  # a tensor of the CPU shares its memory with this array
    if device.origin("pycuda") != "real":
        return value
    if hasattr(value, "gpudata"):
        return value.get()
    if type(value).__name__ == "DeviceAllocation":
        import pycuda.driver as cuda

        _, size = cuda.mem_get_address_range(int(value))
        host = np.empty(size, "V1")  # bytes of no dtype: the allocation does not know what it holds
        cuda.memcpy_dtoh(host, value)
        return host
    return value


def _put_back(value: Any, host: np.ndarray) -> None:
    """Copy what the kernel left in `host` to where the caller's data lies."""
    if _is_tensor(value):
        import torch

        if value.device.type != "cpu":
            value.data.copy_(torch.from_numpy(host))
    elif hasattr(value, "gpudata"):
        value.set(host)
    else:
        import pycuda.driver as cuda

        cuda.memcpy_htod(value, host)


def _is_tensor(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "data_ptr")
