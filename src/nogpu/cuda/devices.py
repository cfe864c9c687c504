"""The one device there is: this machine's CPU, which says plainly that it is a stand-in.

Limits are those of CUDA where the language fixes them (1024 threads a block, 48 KiB of shared memory, warps of 32),
so that what runs here fits a GPU; counts and clocks are the CPU's own, or 0 where a CPU has no such thing.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING

from . import arena, settings
from .enumerations import compute_mode, device_attribute
from .errors import Result, cuda_error

if TYPE_CHECKING:
    from .contexts import Context

CUDA_VERSION = (13, 0, 0)
COMPUTE_CAPABILITY = (7, 5)  # Turing: the oldest that CUDA 13 compiles for, so every GPU of today does as much
MAXIMUM_THREADS = 1024
MAXIMUM_BLOCK = (1024, 1024, 64)
MAXIMUM_GRID = (2**31 - 1, 65535, 65535)
SHARED_BYTES = 48 << 10
SHARED_BYTES_OPT_IN = 99 << 10  # for kernels that ask for it by MAX_DYNAMIC_SHARED_SIZE_BYTES
PCI_BUS_ID = "0000:00:00.0"

_initialized = False


def init(flags: int = 0) -> None:
    """Initialise the driver: every other function wants that first. `flags` must be 0."""
    global _initialized
    if flags:
        raise cuda_error("cuInit", Result.INVALID_VALUE, f"flags must be 0, not {flags}")
    _initialized = True


def require_init(routine: str) -> None:
    """Raise LogicError unless `init` was called."""
    if not _initialized:
        raise cuda_error(routine, Result.NOT_INITIALIZED, "call pycuda.driver.init() first, or import pycuda.autoinit")


def get_version() -> tuple[int, int, int]:
    """Return the CUDA version that this stands in for."""
    return CUDA_VERSION


def get_driver_version() -> int:
    """Return it as the driver does: 13000 for 13.0."""
    return CUDA_VERSION[0] * 1000 + CUDA_VERSION[1] * 10


class Device:
    """The CPU as a CUDA device. `Device(0)` is the only one."""

    def __init__(self, number: int | str = 0) -> None:
        require_init("cuDeviceGet")
        if isinstance(number, str):
            if number != PCI_BUS_ID:
                raise cuda_error("cuDeviceGetByPCIBusId", Result.INVALID_DEVICE, f"there is only {PCI_BUS_ID}")
        elif number != 0:
            raise cuda_error("cuDeviceGet", Result.INVALID_DEVICE, f"there is only device 0, not {number}")

    @staticmethod
    def count() -> int:
        """Return 1."""
        require_init("cuDeviceGetCount")
        return 1

    def name(self) -> str:
        """Return a name that cannot be mistaken for a GPU's."""
        return f"CPU stand-in for CUDA ({_cpu_name()})"

    def pci_bus_id(self) -> str:
        """Return the address of the only device."""
        return PCI_BUS_ID

    def compute_capability(self) -> tuple[int, int]:
        """Return the capability whose language is understood: (7, 5)."""
        return COMPUTE_CAPABILITY

    def total_memory(self) -> int:
        """Return the bytes that device memory may take."""
        return arena.total_bytes()

    def get_attribute(self, attribute: int) -> int:
        """Return one of the `device_attribute`s."""
        return attribute_value(device_attribute(attribute))

    def make_context(self, flags: int = 0) -> Context:
        """Return a new context, which is now the calling thread's current one."""
        from .contexts import Context

        context = Context(self, flags)
        context.push()
        return context

    def retain_primary_context(self) -> Context:
        """Return the context that all users of the device share; it is not made current."""
        from .contexts import primary_context

        return primary_context(self)

    def can_access_peer(self, other: Device) -> bool:
        """Return False: there is no other device."""
        return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device)

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return f"<Device 0: {self.name()}>"


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


# fmt: off
_ATTRIBUTES = {
    "MAX_THREADS_PER_BLOCK": MAXIMUM_THREADS,
    "MAX_BLOCK_DIM_X": MAXIMUM_BLOCK[0], "MAX_BLOCK_DIM_Y": MAXIMUM_BLOCK[1], "MAX_BLOCK_DIM_Z": MAXIMUM_BLOCK[2],
    "MAX_GRID_DIM_X": MAXIMUM_GRID[0], "MAX_GRID_DIM_Y": MAXIMUM_GRID[1], "MAX_GRID_DIM_Z": MAXIMUM_GRID[2],
    "MAX_SHARED_MEMORY_PER_BLOCK": SHARED_BYTES, "MAX_SHARED_MEMORY_PER_BLOCK_OPTIN": SHARED_BYTES_OPT_IN,
    "MAX_SHARED_MEMORY_PER_MULTIPROCESSOR": 64 << 10, "TOTAL_CONSTANT_MEMORY": 64 << 10, "WARP_SIZE": 32,
    "MAX_PITCH": 2**31 - 1, "MAX_REGISTERS_PER_BLOCK": 65536, "MAX_REGISTERS_PER_MULTIPROCESSOR": 65536,
    "MAX_THREADS_PER_MULTIPROCESSOR": 1024, "MAX_BLOCKS_PER_MULTIPROCESSOR": 16,
    "COMPUTE_CAPABILITY_MAJOR": COMPUTE_CAPABILITY[0], "COMPUTE_CAPABILITY_MINOR": COMPUTE_CAPABILITY[1],
    "TEXTURE_ALIGNMENT": 512, "SURFACE_ALIGNMENT": 512, "TEXTURE_PITCH_ALIGNMENT": 32,
    "INTEGRATED": 1, "CAN_MAP_HOST_MEMORY": 1, "UNIFIED_ADDRESSING": 1, "MANAGED_MEMORY": 1, "CONCURRENT_KERNELS": 1,
    "CONCURRENT_MANAGED_ACCESS": 1, "PAGEABLE_MEMORY_ACCESS": 1, "HOST_NATIVE_ATOMIC_SUPPORTED": 1, "GPU_OVERLAP": 1,
    "ASYNC_ENGINE_COUNT": 1, "COMPUTE_PREEMPTION_SUPPORTED": 1, "SINGLE_TO_DOUBLE_PRECISION_PERF_RATIO": 2,
    "CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM": 1, "KERNEL_EXEC_TIMEOUT": 1,
}
# fmt: on


def attribute_value(attribute: device_attribute) -> int:
    """Return the value of a device attribute; 0 for what a CPU has not (texture sizes, GPU clocks, L2 size)."""
    if attribute == device_attribute.MULTIPROCESSOR_COUNT:
        return settings.thread_count()
    if attribute == device_attribute.COMPUTE_MODE:
        return compute_mode.DEFAULT
    return _ATTRIBUTES.get(attribute.name, 0)
