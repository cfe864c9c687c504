"""Everything that PyCUDA's Python layer takes from its C++ extension `pycuda._driver`, under the same names.

The stand-in's `pycuda/_driver.py` is a star import of this module.
"""

# ruff: noqa: F401 - everything here is for others to import
from __future__ import annotations

from .contexts import Context
from .copies import (
    Memcpy2D,
    Memcpy3D,
    Memcpy3DPeer,
    memcpy_dtod,
    memcpy_dtod_async,
    memcpy_dtoh,
    memcpy_dtoh_async,
    memcpy_htod,
    memcpy_htod_async,
    memcpy_peer,
    memcpy_peer_async,
    memset_d2d8,
    memset_d2d8_async,
    memset_d2d16,
    memset_d2d16_async,
    memset_d2d32,
    memset_d2d32_async,
    memset_d8,
    memset_d8_async,
    memset_d16,
    memset_d16_async,
    memset_d32,
    memset_d32_async,
)
from .devices import Device, get_driver_version, get_version, init
from .enumerations import (
    TR_DEFAULT,
    TRSA_OVERRIDE_FORMAT,
    TRSF_NORMALIZED_COORDINATES,
    TRSF_READ_AS_INTEGER,
    address_mode,
    array3d_flags,
    array_cubemap_face,
    array_format,
    compute_mode,
    ctx_flags,
    device_attribute,
    direction_vector_set,
    event_flags,
    filter_mode,
    func_cache,
    function_attribute,
    graphics_register_flags,
    host_alloc_flags,
    ipc_mem_flags,
    jit_fallback,
    jit_input_type,
    jit_option,
    jit_target,
    limit,
    mem_attach_flags,
    mem_host_register_flags,
    memory_type,
    pointer_attribute,
    profiler_output_mode,
    shared_config,
)
from .errors import Error, LaunchError, LogicError, MemoryError, RuntimeError
from .host_memory import (
    AlignedHostAllocation,
    HostAllocation,
    HostPointer,
    ManagedAllocation,
    PagelockedHostAllocation,
    RegisteredHostMemory,
    aligned_empty,
    managed_empty,
    pagelocked_empty,
    register_host_memory,
)
from .memory import (
    DeviceAllocation,
    PointerHolderBase,
    mem_alloc,
    mem_alloc_pitch,
    mem_get_address_range,
    mem_get_info,
)
from .modules import Function, Linker, Module, module_from_buffer, module_from_file
from .pools import (
    DeviceMemoryPool,
    PageLockedAllocator,
    PageLockedMemoryPool,
    PooledDeviceAllocation,
    PooledHostAllocation,
    bitlog2,
)
from .streams import Event, Stream
from .unsupported import (
    Array,
    ArrayDescriptor,
    ArrayDescriptor3D,
    IPCMemoryHandle,
    SurfaceReference,
    TextureReference,
    _get_direction_vectors,
    _get_scramble_constants32,
    _get_scramble_constants64,
    get_curand_version,
    have_gl_ext,
    initialize_profiler,
    mem_get_ipc_handle,
    memcpy_atoa,
    memcpy_atod,
    memcpy_atoh,
    memcpy_dtoa,
    memcpy_htoa,
    start_profiler,
    stop_profiler,
)

__all__ = [name for name in dir() if not name.startswith("__") and name != "annotations"]
