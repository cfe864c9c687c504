"""IOutputAllocator: memory for outputs whose size only a run can tell."""

from __future__ import annotations

from typing import Any

from nogpu.tensorrt.native import Native


class IOutputAllocator(Native):
    """Base of your own allocator: define `reallocate_output` (or `reallocate_output_async`) and `notify_shape`."""

    def __init__(self) -> None:
        pass

    # Not methods of the real base class either: a subclass brings them.
    #   reallocate_output(tensor_name, memory, size, alignment) -> address
    #   reallocate_output_async(tensor_name, memory, size, alignment, stream) -> address
    #   notify_shape(tensor_name, shape) -> None


def allocate(allocator: Any, name: str, memory: int, size: int, stream: int) -> int:
    """Ask the allocator for `size` bytes (at least 1); return the address, 0 when it has none."""
    method = getattr(type(allocator), "reallocate_output_async", None)
    if method is not None:
        return int(method(allocator, name, memory, max(size, 1), 256, stream) or 0)
    return int(allocator.reallocate_output(name, memory, max(size, 1), 256) or 0)
