"""The compiled form of a module: what stands where PyCUDA expects a cubin.

As NVIDIA's cubin is an ELF file, so is this: a shared object for the CPU. Behind it come the source and the options
from which it was made, so that the sanitizer can build the same source a second time, and a mark to know it by. Behind
an ELF file's end anything may stand: the loader does not look.
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass

from .errors import Result, cuda_error

MARK = b"nogpu cubin 0001"
_TAIL = struct.Struct("<Q16s")


@dataclass(frozen=True)
class Origin:
    """What a cubin was made from."""

    source: str  # as it was given to PyCUDA's compiler
    options: tuple[str, ...]  # nvcc's


def pack(shared_object: bytes, origin: Origin) -> bytes:
    """Return the cubin of `shared_object`."""
    text = json.dumps(asdict(origin)).encode()
    return shared_object + text + _TAIL.pack(len(text), MARK)


def unpack(cubin: bytes) -> Origin:
    """Return what `cubin` was made from. Raises LogicError for anything that is not ours, NVIDIA's cubins and PTX."""
    if len(cubin) > _TAIL.size:
        length, mark = _TAIL.unpack(cubin[-_TAIL.size :])
        if mark == MARK and length <= len(cubin) - _TAIL.size:
            facts = json.loads(cubin[len(cubin) - _TAIL.size - length : len(cubin) - _TAIL.size])
            return Origin(facts["source"], tuple(facts["options"]))
    raise cuda_error(
        "cuModuleLoadDataEx",
        Result.INVALID_IMAGE,
        "this is not a module compiled for the CPU stand-in; it runs CUDA C source (SourceModule), not PTX or cubins",
    )
