"""Modules, their kernels and their global variables: from a cubin to a launch.

A module is a shared object, loaded from a file that is gone at once: each load is a copy with global variables of its
own, as on a GPU.
"""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import addresses, arena, contexts, cubin, devices, settings, watch
from .arguments import Parameter, check, python_int
from .elf import Symbols
from .enumerations import function_attribute
from .errors import Result, cuda_error, not_supported
from .faults import raise_pending
from .runtime import KernelEntry, library
from .streams import Stream, handle_of

LOADER_FLAGS = 0x2  # RTLD_NOW; local: modules must not see each other's names


class Module:
    """A loaded cubin."""

    def __init__(self, image: bytes, routine: str) -> None:
        contexts.require(routine)
        library()  # kernels refer to the runtime's names
        self.origin = cubin.unpack(image)
        self._library = load_image(image, routine)
        self._symbols = Symbols(image)
        table = (KernelEntry * 65536).in_dll(self._library, "nogpu_kernels")
        self._kernels: dict[str, KernelEntry] = {}
        for entry in table:
            if entry.name is None:
                break
            name = entry.name.decode()
            self._kernels[self._symbols.name_at(entry.address - self._base()) or name] = entry
        for name, (start, size) in self.variables().items():
            if name not in self._symbols.constants:
                addresses.variables.add(start, size)

    def _base(self) -> int:
        """Return where the file's address 0 lies in memory."""
        here = ctypes.addressof(ctypes.c_char.in_dll(self._library, "nogpu_kernels"))
        return here - self._symbols.variables["nogpu_kernels"][0]

    def get_function(self, name: str) -> Function:
        """Return the kernel `name`. With `no_extern_c`, C++ names are mangled, as on a GPU."""
        entry = self._kernels.get(name)
        if entry is None:
            raise cuda_error("cuModuleGetFunction", Result.NOT_FOUND, self._no_such_kernel(name))
        return Function(self, name, entry)

    def _no_such_kernel(self, name: str) -> str:
        alike = [known for known in self._kernels if f"{len(name)}{name}" in known]
        if alike:
            return f'{name} is a C++ function, here called {alike[0]}: ask for that name, or write extern "C" before it'
        known = ", ".join(self._kernels) or "none"
        return f"there is no kernel {name!r}; the module has: {known}"

    def get_global(self, name: str) -> tuple[int, int]:
        """Return (device address, bytes) of a `__constant__` or `__device__` variable."""
        names = self._symbols.learners_variables()
        if name not in names:
            known = ", ".join(names) or "none"
            raise cuda_error("cuModuleGetGlobal", Result.NOT_FOUND, f"no variable {name!r}; the module has: {known}")
        address, size = self._symbols.variables[name]
        return self._base() + address, size

    def variables(self) -> dict[str, tuple[int, int]]:
        """Return (address, bytes) of each `__constant__` or `__device__` variable, by the linker's name."""
        base = self._base()
        places = ((name, self._symbols.variables[name]) for name in self._symbols.learners_variables())
        return {name: (base + offset, size) for name, (offset, size) in places}

    def get_texref(self, name: str) -> Any:
        """Refuse: texture references are gone from CUDA since version 12."""
        raise not_supported("cuModuleGetTexRef", "CUDA 12 removed texture references; read the array by index")

    def get_surfref(self, name: str) -> Any:
        """Refuse: surface references are gone from CUDA since version 12."""
        raise not_supported("cuModuleGetSurfRef", "CUDA 12 removed surface references; write the array by index")


def load_image(image: bytes, routine: str) -> ctypes.CDLL:
    """Load a module from a file that is gone at once. Raises LogicError where it refers to what nobody defines."""
    problem: OSError | None = None
    folders = (settings.cache_folder(), Path(tempfile.gettempdir()), Path("/dev/shm"))
    for folder in folders:  # one may be full, another may not allow programs
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=folder, prefix=".module-", suffix=".so") as file:
                file.write(image)
                file.flush()
                return ctypes.CDLL(file.name, mode=LOADER_FLAGS)
        except OSError as error:
            problem = error
            if "undefined symbol" in str(error):
                missing = str(error).rpartition("undefined symbol: ")[2]
                detail = f"unresolved extern function {missing!r}: it is declared, not defined"
                raise cuda_error(routine, Result.INVALID_IMAGE, detail) from None
    tried = ", ".join(str(folder) for folder in folders)
    raise cuda_error(routine, Result.INVALID_IMAGE, f"the module could not be loaded from {tried}: {problem}")


def module_from_buffer(buffer: Any, options: Sequence[Any] = (), message_handler: Any = None) -> Module:
    """Return the module of a cubin made by the CPU stand-in's compiler."""
    module = Module(bytes(memoryview(buffer)), "cuModuleLoadDataEx")
    if message_handler is not None:
        message_handler(True, "", "")
    return module


def module_from_file(filename: str) -> Module:
    """Return the module of a cubin in a file."""
    try:
        image = Path(filename).read_bytes()
    except OSError as error:
        raise cuda_error("cuModuleLoad", Result.FILE_NOT_FOUND, str(error)) from None
    return Module(image, "cuModuleLoad")


class Linker:
    """Refuse: linking device code is a matter of PTX."""

    def __init__(self, message_handler: Any = None, options: Any = None, log_verbose: bool = False) -> None:
        raise not_supported("cuLinkCreate", "put all device code into one SourceModule")


class Function:
    """A kernel. PyCUDA's Python layer adds `__call__`, `prepare`, `prepared_call` and attributes such as `num_regs`."""

    def __init__(self, module: Module, name: str, entry: KernelEntry) -> None:
        self.module, self._name, self._entry = module, name, entry
        self.source_name: str = entry.name.decode()  # as the source says it, not as the linker does
        self._parameters = [
            Parameter(chr(entry.kinds[i]), entry.offsets[i], entry.sizes[i]) for i in range(entry.count)
        ]
        self._block = (1, 1, 1)
        self._shared_bytes = 0
        self._static_shared = module._symbols.static_shared(name)
        self._dynamic_limit = devices.SHARED_BYTES - self._static_shared
        self._buffer = bytearray()

    def _set_block_shape(self, x: int, y: int = 1, z: int = 1) -> None:
        shape = (python_int(x, "block[0]"), python_int(y, "block[1]"), python_int(z, "block[2]"))
        if min(shape) < 1 or any(n > most for n, most in zip(shape, devices.MAXIMUM_BLOCK, strict=True)):
            raise cuda_error(
                "cuFuncSetBlockShape",
                Result.INVALID_VALUE,
                f"a block of {shape} threads: each must be at least 1 and at most {devices.MAXIMUM_BLOCK}",
            )
        self._block = shape

    def _set_shared_size(self, size: int) -> None:
        self._shared_bytes = python_int(size, "shared")

    def _launch_kernel(
        self, grid: Sequence[int], block: Sequence[int] | None, arguments: bytes, shared: int, stream: Stream | None
    ) -> None:
        contexts.require("cuLaunchKernel")
        if block is not None:
            if len(block) != 3:
                raise ValueError(f"block is {tuple(block)}: PyCUDA wants three numbers, (x, y, z)")
            self._set_block_shape(*block)
        check(self._name, self._parameters, arguments)
        shape, shared = self._grid(grid), python_int(shared or 0, "shared")
        self._check_resources(shared)
        # What went wrong before is told now rather than later: nothing runs until it was.
        raise_pending("cuLaunchKernel")
        watcher = watch.current()
        if watcher is not None:
            watcher.launch(self, shape, self._block, arguments, shared, handle_of(stream))
            return
        arena.arena().touch()
        library().nogpu_launch(
            handle_of(stream),
            ctypes.addressof(self._entry),
            bytes(arguments),
            len(arguments),
            (ctypes.c_uint * 3)(*shape),
            (ctypes.c_uint * 3)(*self._block),
            shared,
            settings.kernel_seconds(),
        )

    def _grid(self, grid: Sequence[int]) -> tuple[int, int, int]:
        shape = tuple(python_int(n, f"grid[{i}]") for i, n in enumerate(grid)) + (1,) * (3 - len(grid))
        if (
            len(shape) != 3
            or min(shape) < 1
            or any(n > most for n, most in zip(shape, devices.MAXIMUM_GRID, strict=True))
        ):
            raise cuda_error(
                "cuLaunchKernel",
                Result.INVALID_VALUE,
                f"a grid of {shape} blocks: each must be at least 1 and at most {devices.MAXIMUM_GRID}",
            )
        return shape[0], shape[1], shape[2]

    def _check_resources(self, shared: int) -> None:
        threads = self._block[0] * self._block[1] * self._block[2]
        most = self._entry.maximum_threads or devices.MAXIMUM_THREADS
        if threads > devices.MAXIMUM_THREADS:
            raise cuda_error(
                "cuLaunchKernel",
                Result.INVALID_VALUE,
                f"a block of {self._block} has {threads} threads, and {devices.MAXIMUM_THREADS} is the most",
            )
        if threads > most:
            raise cuda_error(
                "cuLaunchKernel",
                Result.LAUNCH_OUT_OF_RESOURCES,
                f"a block of {threads} threads, and __launch_bounds__ of {self._name} allows {most}",
            )
        if shared > self._dynamic_limit or self._static_shared > devices.SHARED_BYTES:
            raise cuda_error(
                "cuLaunchKernel",
                Result.INVALID_VALUE,
                f"{self._static_shared} bytes of static and {shared} of dynamic shared memory, and a block may have "
                f"{devices.SHARED_BYTES} (up to {devices.SHARED_BYTES_OPT_IN} by MAX_DYNAMIC_SHARED_SIZE_BYTES)",
            )

    def get_attribute(self, attribute: int) -> int:
        """Return one of the `function_attribute`s. Registers and local memory are a GPU's: 0 here, see nvrtc.py."""
        which = function_attribute(attribute)
        values = {
            function_attribute.MAX_THREADS_PER_BLOCK: self._entry.maximum_threads or devices.MAXIMUM_THREADS,
            function_attribute.SHARED_SIZE_BYTES: self._static_shared,
            function_attribute.PTX_VERSION: 75,
            function_attribute.BINARY_VERSION: 75,
            function_attribute.MAX_DYNAMIC_SHARED_SIZE_BYTES: self._dynamic_limit,
        }
        return values.get(which, 0)

    def set_attribute(self, attribute: int, value: int) -> None:
        """Set one: MAX_DYNAMIC_SHARED_SIZE_BYTES lets a launch have up to 99 KiB."""
        if function_attribute(attribute) == function_attribute.MAX_DYNAMIC_SHARED_SIZE_BYTES:
            if not 0 <= value <= devices.SHARED_BYTES_OPT_IN - self._static_shared:
                raise cuda_error(
                    "cuFuncSetAttribute", Result.INVALID_VALUE, f"{value} bytes of shared memory: the device has "
                    f"{devices.SHARED_BYTES_OPT_IN} for a block",
                )  # fmt: skip
            self._dynamic_limit = value

    def set_cache_config(self, configuration: int) -> None:
        """Do nothing: a wish about the GPU's caches does not change results."""

    def set_shared_config(self, configuration: int) -> None:
        """Do nothing: a wish about shared memory's banks does not change results."""

    def param_set_texref(self, texref: Any) -> None:
        """Refuse: texture references are gone from CUDA since version 12."""
        raise not_supported("cuParamSetTexRef", "CUDA 12 removed texture references; pass the array and read by index")

    # The interface of CUDA before version 4, which PyCUDA still has under these names.

    def _param_set_size(self, size: int) -> None:
        self._buffer = bytearray(size)

    def _param_setv(self, offset: int, data: Any) -> None:
        packed = bytes(memoryview(data))
        self._buffer[offset : offset + len(packed)] = packed

    def _param_seti(self, offset: int, value: int) -> None:
        self._param_setv(offset, int(value).to_bytes(4, "little"))

    def _param_setf(self, offset: int, value: float) -> None:
        self._param_setv(offset, bytes(ctypes.c_float(value)))

    def _launch(self) -> None:
        self._launch_grid(1, 1)

    def _launch_grid(self, grid_width: int, grid_height: int) -> None:
        self._launch_grid_async(grid_width, grid_height, None)

    def _launch_grid_async(self, grid_width: int, grid_height: int, s: Stream | None) -> None:
        self._launch_kernel((grid_width, grid_height), None, bytes(self._buffer), self._shared_bytes, s)
