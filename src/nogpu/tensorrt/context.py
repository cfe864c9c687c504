"""IExecutionContext: shapes and addresses for one run after the other of an engine.

The run itself is `enqueue`'s business; here is what the user sets, asks for, and gets told.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from nogpu.tensorrt import datatypes
from nogpu.tensorrt.datatypes import volume
from nogpu.tensorrt.dims import Dims
from nogpu.tensorrt.enqueue import Enqueue
from nogpu.tensorrt.enumerations import ProfilingVerbosity, TensorIOMode
from nogpu.tensorrt.memory import view
from nogpu.tensorrt.native import Made, WithBlock, not_implemented
from nogpu.tensorrt.output_allocator import IOutputAllocator
from nogpu.tensorrt.profiler import IProfiler
from nogpu.tensorrt.reporting import Reporter, Reporting

if TYPE_CHECKING:
    from nogpu.tensorrt.engine import ICudaEngine, IRuntimeConfig


class IExecutionContext(Enqueue, Made, WithBlock, Reporting):
    """A context, made by `engine.create_execution_context()`. Use one per thread."""

    def _begin(self, engine: ICudaEngine, config: IRuntimeConfig, reporter: Reporter) -> None:
        self._engine, self._config, self._reporter = engine, config, reporter
        whole = engine._executable
        self._executable = whole.clone() if hasattr(whole, "clone") else whole
        self._inputs = [t["name"] for t in engine._facts["tensors"] if t["mode"] == TensorIOMode.INPUT.name]
        self._profile = 0
        self._addresses: dict[str, int] = {}
        self._allocators: dict[str, IOutputAllocator] = {}
        self._profiler: IProfiler | None = None
        self._timings: list[tuple[str, float]] = []
        self._emits_profile = True
        self._consumed_event = 0
        self._warned = False
        self._name = ""
        self._noted: dict[str, Any] = {}
        self._start_shapes()

    def _start_shapes(self) -> None:
        shapes = {name: tuple(self._engine._tensors[name]["shape"]) for name in self._inputs}
        self._outputs_known: dict[str, tuple[int, ...]] | None = None
        self._shapes = {name: shape for name, shape in shapes.items() if -1 not in shape}
        self._forget()

    @property
    def engine(self) -> ICudaEngine:
        """The engine."""
        return self._engine

    @property
    def name(self) -> str:
        """A name of yours for the context."""
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        self._name = str(value)

    # Profile and shapes

    @property
    def active_optimization_profile(self) -> int:
        """The number of the profile in use: 0 at first."""
        return self._profile

    def set_optimization_profile_async(self, profile_index: int, stream_handle: int) -> bool:
        """Switch to another profile; shapes have to be set again. False, with a message, for a number there is not."""
        index = operator.index(profile_index)
        if not 0 <= index < self._engine.num_optimization_profiles:
            text = (
                "Parameter check failed, condition: 0 <= profileIndex && profileIndex < getNbOptimizationProfiles(). "
            )
            text += f"{index} was given, and there are {self._engine.num_optimization_profiles}."
            self._reporter.error("IExecutionContext::setOptimizationProfileAsync", 3, text)
            return False
        if index != self._profile:
            self._profile = index
            self._start_shapes()
        return True

    def set_input_shape(self, name: str, shape: Any) -> bool:
        """Set the shape of an input for the next runs. False, with a message, when the profile does not allow it."""
        where = "IExecutionContext::setInputShape"
        found = self._engine._tensor("setInputShape", name, "IExecutionContext")
        if found is None:
            return False
        wanted, expected = tuple(Dims(shape)), found["shape"]
        if found["mode"] != TensorIOMode.INPUT.name:
            self._reporter.error(
                where, 3, f"Parameter check failed: {name} is an output, and inputs only have shapes to set."
            )
            return False
        if len(wanted) != len(expected):
            text = f"Parameter check failed, condition: engineDims.nbDims == dims.nbDims. {name} has {len(expected)} "
            self._reporter.error(where, 3, text + f"dimensions {list(expected)}, and {list(wanted)} was given.")
            return False
        if any(size not in (-1, given) for size, given in zip(expected, wanted, strict=True)):
            self._reporter.error(
                where,
                3,
                f"Static dimension mismatch while setting input shape for {name}. Set dimensions are {_list(wanted)}. "
                f"Expected dimensions are {_list(expected)}.",
            )
            return False
        least, _, most = self._engine._facts["profiles"][self._profile][name]
        if not all(a <= given <= b for a, given, b in zip(least, wanted, most, strict=True)):
            self._reporter.error(
                where,
                3,
                f"Set dimension {_list(wanted)} for tensor {name} does not satisfy any optimization profiles. "
                "Valid range "
                f"for profile {self._profile}: {_list(least)}..{_list(most)}.",
            )
            return False
        if self._shapes.get(name) != wanted:
            self._shapes[name] = wanted
            self._forget()
        return True

    def infer_shapes(self) -> list[str]:
        """Return the names of inputs whose shape (or, for shape tensors, address) is still missing."""
        missing = [name for name in self._inputs if name not in self._shapes]
        return missing + [name for name in self._shape_tensors() if not self._addresses.get(name)]

    def _shape_tensors(self) -> list[str]:
        return [name for name in self._inputs if self._engine._tensors[name]["for_shapes"]]

    @property
    def all_binding_shapes_specified(self) -> bool:
        """Whether every input has a shape."""
        return all(name in self._shapes for name in self._inputs)

    def get_tensor_shape(self, name: str) -> Dims:
        """Return a tensor's shape as it is now; -1 where inputs have no shape yet, or only a run tells the size.

        Such a size is for an output allocator to hear, before and after the run.
        """
        found = self._engine._tensor("getTensorShape", name, "IExecutionContext")
        if found is None:
            return Dims()
        if name in self._shapes:
            return Dims(self._shapes[name])
        if name in self._inputs or self.infer_shapes():
            return Dims(found["shape"])
        return Dims(self._output_shapes(self._addresses)[name])

    def get_tensor_strides(self, name: str) -> Dims:
        """Return the distance between neighbours in each dimension, in elements; -1 where it is not known yet."""
        shape = list(self.get_tensor_shape(name))
        strides, step = [], 1
        for size in reversed(shape):
            strides.append(step)
            step = step * size if size >= 0 and step >= 0 else -1
        return Dims(reversed(strides))

    def get_max_output_size(self, name: str) -> int:
        """Return the bytes that an output takes with the profile's largest inputs; -1 when that is not known."""
        found = self._engine._tensors.get(name)
        if found is None or found["mode"] == TensorIOMode.INPUT.name:
            return -1
        largest = {key: tuple(three[2]) for key, three in self._engine._facts["profiles"][self._profile].items()}
        size = volume(self._executable.output_shapes(largest)[name])
        return int(size * self._engine._types[name].itemsize) if size >= 0 else -1

    def _output_shapes(self, addresses: dict[str, int]) -> dict[str, tuple[int, ...]]:
        """Return the outputs' shapes for the inputs' shapes, and the values of shape tensors."""
        names = self._shape_tensors()
        if not names:
            if self._outputs_known is None:
                self._outputs_known = self._executable.output_shapes(dict(self._shapes))
            return self._outputs_known
        values = {name: view(addresses[name], self._shapes[name], self._storage(name)).copy() for name in names}
        return self._executable.output_shapes(dict(self._shapes), values)

    def _storage(self, name: str) -> np.dtype[Any]:
        return datatypes.storage(self._engine._types[name])

    def _forget(self) -> None:
        """Forget what was worked out for the shapes and addresses so far."""
        self._outputs_known = None
        self._views: Any = None

    # Addresses

    def set_tensor_address(self, name: str, memory: int) -> bool:
        """Set where an input is read from, or an output is written to: an address as a number.

        `int(allocation)` of PyCUDA, `array.ctypes.data` of NumPy, `tensor.data_ptr()` of torch on the CPU.
        """
        if self._engine._tensor("setTensorAddress", name, "IExecutionContext") is None:
            return False
        address = _address(memory)
        if self._addresses.get(name) != address:
            self._addresses[name] = address
            self._views = None
        return True

    def get_tensor_address(self, name: str) -> int:
        """Return the address that was set; 0 when there is none."""
        return self._addresses.get(name, 0)

    def set_output_allocator(self, name: str, output_allocator: IOutputAllocator) -> bool:
        """Let your allocator give the memory of an output once its size is known."""
        found = self._engine._tensor("setOutputAllocator", name, "IExecutionContext")
        if found is None or found["mode"] == TensorIOMode.INPUT.name:
            return False
        if output_allocator is None:
            self._allocators.pop(name, None)
        elif isinstance(output_allocator, IOutputAllocator):
            self._allocators[name] = output_allocator
        else:
            raise TypeError(f"output_allocator is a subclass of trt.IOutputAllocator, not {output_allocator!r}")
        return True

    def get_output_allocator(self, name: str) -> IOutputAllocator | None:
        """Return an output's allocator, or None."""
        return self._allocators.get(name)

    # Profiling

    @property
    def profiler(self) -> IProfiler | None:
        """Your profiler: hears the time of each layer after each run."""
        return self._profiler

    @profiler.setter
    def profiler(self, value: IProfiler | None) -> None:
        if value is not None and not isinstance(value, IProfiler):
            raise TypeError(f"profiler is a trt.Profiler or a subclass of trt.IProfiler, not {value!r}")
        self._profiler = value

    @property
    def enqueue_emits_profile(self) -> bool:
        """Whether each run reports to the profiler, and so waits for its end; else `report_to_profiler` does."""
        return self._emits_profile

    @enqueue_emits_profile.setter
    def enqueue_emits_profile(self, value: bool) -> None:
        self._emits_profile = bool(value)

    def report_to_profiler(self) -> bool:
        """Report the last run's times. False when there is no profiler or no run."""
        if self._profiler is None or not self._timings:
            return False
        timings, self._timings = self._timings, []
        for name, milliseconds in timings:
            self._profiler.report_layer_time(name, milliseconds)
        return True

    # Events, memory of the context, and what is taken note of

    def set_input_consumed_event(self, event: int) -> bool:
        """Record this event (`event.handle`) in the stream when the inputs of a run may be changed again."""
        self._consumed_event = operator.index(event)
        return True

    def get_input_consumed_event(self) -> int:
        """Return that event; 0 when there is none."""
        return self._consumed_event

    def set_device_memory(self, memory: int, size: int) -> None:
        """Take note of memory for the context: it takes its own from the machine."""
        self._noted["device_memory"] = _address(memory)

    def update_device_memory_size_for_shapes(self) -> int:
        """Return the bytes of the inputs as they are set now; 0, with a message, while shapes are missing."""
        missing = self.infer_shapes()
        if missing:
            text = f"Input shapes must be set first: {', '.join(missing)}."
            self._reporter.error("IExecutionContext::updateDeviceMemorySizeForShapes", 3, text)
            return 0
        return sum(int(volume(shape) * self._engine._types[name].itemsize) for name, shape in self._shapes.items())

    def set_aux_streams(self, aux_streams: Any) -> None:
        """Do nothing: the engine uses the one stream that it is given."""

    def get_runtime_config(self) -> IRuntimeConfig:
        """Return the config that the context was made with."""
        return self._config

    def set_communicator(self, communicator: Any) -> bool:
        """Refuse."""
        raise not_implemented("IExecutionContext.set_communicator", "there is one device")

    def get_debug_listener(self) -> None:
        """Return None: there is none."""

    def set_debug_listener(self, listener: Any) -> bool:
        """Refuse."""
        raise not_implemented("IExecutionContext.set_debug_listener", "mark tensors as outputs of the network")

    def get_debug_state(self, name: str) -> bool:
        """Return False: there are no debug tensors."""
        return False

    def set_tensor_debug_state(self, name: str, flag: bool) -> bool:
        """Refuse."""
        raise not_implemented("IExecutionContext.set_tensor_debug_state", "mark tensors as outputs of the network")

    def set_all_tensors_debug_state(self, flag: bool) -> bool:
        """Refuse."""
        raise not_implemented("IExecutionContext.set_all_tensors_debug_state", "mark tensors as outputs of the network")

    @property
    def temporary_allocator(self) -> Any:
        """Your allocator of temporary memory: never asked here."""
        return None

    @temporary_allocator.setter
    def temporary_allocator(self, value: Any) -> None:
        if value is not None:
            raise not_implemented("IExecutionContext.temporary_allocator", "memory is the machine's own")


def _noted(name: str, start: Any, doc: str) -> Any:
    """Return a property that changes nothing here: its value is kept and given back."""

    def get(context: IExecutionContext) -> Any:
        return context._noted.get(name, start)

    def put(context: IExecutionContext, value: Any) -> None:
        context._noted[name] = value

    return property(get, put, doc=doc)


for _name, _start in {
    "debug_sync": False, "device_memory": 0, "persistent_cache_limit": 0, "unfused_tensors_debug_state": False,
    "nvtx_verbosity": ProfilingVerbosity.LAYER_NAMES_ONLY,
}.items():  # fmt: skip
    setattr(IExecutionContext, _name, _noted(_name, _start, "Taken note of."))


def _address(given: Any) -> int:
    if isinstance(given, float) or not (hasattr(given, "__index__") or hasattr(given, "__int__")):
        raise TypeError(
            f"an address is a number, not {type(given).__name__}: pass int(allocation), array.ctypes.data or "
            "tensor.data_ptr()"
        )
    if isinstance(given, np.ndarray) or hasattr(given, "data_ptr"):
        raise TypeError("an address is a number: pass array.ctypes.data, or tensor.data_ptr()")
    return int(given)


def _list(shape: Any) -> str:
    return "[" + ",".join(str(size) for size in shape) + "]"
