"""What PyCUDA's driver has and the CPU stand-in leaves out: each name is there, and refuses by its name.

Texture and surface references were removed from CUDA itself in version 12; CUDA arrays serve nothing else.
"""

from __future__ import annotations

from typing import Any, NoReturn

from .errors import not_supported

_BY_INDEX = "keep the data in device memory and read it by index"


class Array:
    """Refuse: CUDA arrays are for textures."""

    def __init__(self, descriptor: Any) -> None:
        raise not_supported("cuArrayCreate", _BY_INDEX)


class ArrayDescriptor:
    """The shape of a CUDA array; can be filled in, and then `Array` refuses it."""

    width = height = format = num_channels = 0


class ArrayDescriptor3D(ArrayDescriptor):
    """The shape of a three-dimensional CUDA array; can be filled in, and then `Array` refuses it."""

    depth = flags = 0


class TextureReference:
    """Refuse: CUDA 12 removed texture references."""

    def __init__(self) -> None:
        raise not_supported("cuTexRefCreate", f"CUDA 12 removed texture references; {_BY_INDEX}")


class SurfaceReference:
    """Refuse: CUDA 12 removed surface references."""

    def __init__(self) -> None:
        raise not_supported("cuModuleGetSurfRef", f"CUDA 12 removed surface references; {_BY_INDEX}")


class IPCMemoryHandle:
    """Refuse: device memory here belongs to one process."""

    def __init__(self, handle: Any, flags: int = 0) -> None:
        raise not_supported("cuIpcOpenMemHandle", "copy to the host and use multiprocessing.shared_memory")


def mem_get_ipc_handle(pointer: Any) -> NoReturn:
    """Refuse: device memory here belongs to one process."""
    raise not_supported("cuIpcGetMemHandle", "copy to the host and use multiprocessing.shared_memory")


def _refuse_array_copy(*arguments: Any) -> NoReturn:
    raise not_supported("cuMemcpyAtoH and its relatives", _BY_INDEX)


memcpy_atoh = memcpy_htoa = memcpy_atod = memcpy_dtoa = memcpy_atoa = _refuse_array_copy


def have_gl_ext() -> bool:
    """Return False: there is no OpenGL interoperation."""
    return False


def get_curand_version() -> tuple[int, int, int]:
    """Return the version of cuRAND whose numbers curand_kernel.h draws here, as PyCUDA takes 10405 apart: 10.4.5."""
    return (10, 40, 5)


def _refuse_sobol_table(*arguments: Any) -> NoReturn:
    instead = "use XORWOWRandomNumberGenerator or MRG32k3aRandomNumberGenerator"
    raise not_supported("curandGetDirectionVectors and its relatives", instead)


_get_direction_vectors = _get_scramble_constants32 = _get_scramble_constants64 = _refuse_sobol_table


def initialize_profiler(*arguments: Any) -> None:
    """Do nothing: there is no GPU profiler to start."""


def start_profiler() -> None:
    """Do nothing: there is no GPU profiler to start."""


def stop_profiler() -> None:
    """Do nothing: there is no GPU profiler to stop."""
