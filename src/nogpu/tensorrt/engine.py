"""ICudaEngine: a plan ready to run. It says what goes in and out, and makes contexts that run it."""

from __future__ import annotations

from typing import Any

from nogpu.tensorrt.context import IExecutionContext
from nogpu.tensorrt.datatypes import volume
from nogpu.tensorrt.dims import Dims
from nogpu.tensorrt.enumerations import (
    DataType,
    EngineCapability,
    EngineStat,
    ExecutionContextAllocationStrategy,
    HardwareCompatibilityLevel,
    ProfilingVerbosity,
    SerializationFlag,
    TensorFormat,
    TensorIOMode,
    TensorLocation,
)
from nogpu.tensorrt.host_memory import IHostMemory
from nogpu.tensorrt.inspector import EngineInspector
from nogpu.tensorrt.native import Made, WithBlock, not_implemented
from nogpu.tensorrt.reporting import Reporter, Reporting


class IRuntimeConfig(Made):
    """How a context is to be made."""

    def _begin(self) -> None:
        self._strategy = ExecutionContextAllocationStrategy.STATIC

    def get_execution_context_allocation_strategy(self) -> ExecutionContextAllocationStrategy:
        """Return the strategy."""
        return self._strategy

    def set_execution_context_allocation_strategy(
        self, strategy: ExecutionContextAllocationStrategy = ExecutionContextAllocationStrategy.STATIC
    ) -> None:
        """Set the strategy: taken note of, for there is no device memory of a context here."""
        self._strategy = strategy


class ISerializationConfig(Made):
    """What goes into the bytes of `serialize_with_config`."""

    def _begin(self) -> None:
        self._flags = 0

    @property
    def flags(self) -> int:
        """All flags, as bits."""
        return self._flags

    @flags.setter
    def flags(self, value: int) -> None:
        self._flags = int(value)

    def set_flag(self, flag: SerializationFlag) -> bool:
        """Set a flag."""
        self._flags |= 1 << int(flag)
        return True

    def clear_flag(self, flag: SerializationFlag) -> bool:
        """Clear a flag."""
        self._flags &= ~(1 << int(flag))
        return True

    def get_flag(self, flag: SerializationFlag) -> bool:
        """Say whether a flag is set."""
        return bool(self._flags >> int(flag) & 1)


class ICudaEngine(Made, WithBlock, Reporting):
    """An engine, made by `runtime.deserialize_cuda_engine(plan)`."""

    def _begin(self, facts: dict[str, Any], executable: Any, content: bytes, reporter: Reporter) -> None:
        self._facts, self._executable, self._content, self._reporter = facts, executable, content, reporter
        self._tensors = {tensor["name"]: tensor for tensor in facts["tensors"]}
        self._names = list(self._tensors)
        self._types = {name: DataType[tensor["dtype"]] for name, tensor in self._tensors.items()}

    def _tensor(self, method: str, name: str, owner: str = "ICudaEngine") -> dict[str, Any] | None:
        """Return a tensor's facts; None, with a message, for a name that there is not."""
        found = self._tensors.get(name)
        if found is None:
            text = f"Given invalid tensor name: {name}. Get valid tensor names with getIOTensorName()"
            self._reporter.error(f"{owner}::{method}", 3, text)
        return found

    # What goes in and out

    @property
    def num_io_tensors(self) -> int:
        """How many inputs and outputs there are."""
        return len(self._names)

    def get_tensor_name(self, index: int) -> str | None:
        """Return the name of an input or output; inputs come first."""
        if 0 <= index < len(self._names):
            return self._names[index]
        text = f"Parameter check failed, condition: 0 <= index && index < nbIOTensors. {index} is not below "
        self._reporter.error("ICudaEngine::getIOTensorName", 3, text + f"{len(self._names)}.")
        return None

    def __getitem__(self, arg0: int) -> str:
        if not isinstance(arg0, int):
            raise TypeError(f"an engine is indexed by whole numbers, which gives names, not by {arg0!r}")
        if not 0 <= arg0 < len(self._names):
            raise IndexError("Out of bounds")
        return self._names[arg0]

    def get_tensor_mode(self, name: str) -> TensorIOMode:
        """Return whether a tensor is an input or an output; NONE, with a message, for a name that there is not."""
        found = self._tensor("getTensorIOMode", name)
        return TensorIOMode.NONE if found is None else TensorIOMode[found["mode"]]

    def get_tensor_dtype(self, name: str) -> DataType:
        """Return a tensor's element type (FLOAT, with a message, for a name that there is not)."""
        return DataType.FLOAT if self._tensor("getTensorDataType", name) is None else self._types[name]

    def get_tensor_shape(self, name: str) -> Dims:
        """Return a tensor's shape, -1 where it depends on the inputs."""
        found = self._tensor("getTensorShape", name)
        return Dims() if found is None else Dims(found["shape"])

    def get_tensor_location(self, name: str) -> TensorLocation:
        """Return where a tensor is expected: on the host when its values decide shapes, else on the device."""
        found = self._tensor("getTensorLocation", name)
        return TensorLocation.HOST if found is not None and found["for_shapes"] else TensorLocation.DEVICE

    def is_shape_inference_io(self, name: str) -> bool:
        """Say whether a tensor's values decide shapes, or are asked for as such."""
        found = self._tensor("isShapeInferenceIO", name)
        return found is not None and bool(found["for_shapes"])

    def get_tensor_format(self, name: str, profile_index: int = 0) -> TensorFormat:
        """Return LINEAR: row-major, without gaps."""
        return TensorFormat.LINEAR

    def get_tensor_format_desc(self, name: str, profile_index: int = 0) -> str:
        """Return the layout in words."""
        found = self._tensor("getTensorFormatDesc", name)
        kind = "" if found is None else self._types[name].name
        return f"Row major linear {kind} format (TensorFormat::kLINEAR)"

    def get_tensor_bytes_per_component(self, name: str, profile_index: int = 0) -> int:
        """Return -1: elements are not grouped."""
        return -1

    def get_tensor_components_per_element(self, name: str, profile_index: int = 0) -> int:
        """Return -1: elements are not grouped."""
        return -1

    def get_tensor_vectorized_dim(self, name: str, profile_index: int = 0) -> int:
        """Return -1: elements are not grouped."""
        return -1

    def get_aliased_input_tensor(self, name: str) -> str | None:
        """Return None: no output shares memory with an input."""
        return None

    def is_debug_tensor(self, name: str) -> bool:
        """Return False: there are none."""
        return False

    # Profiles

    @property
    def num_optimization_profiles(self) -> int:
        """How many profiles there are, at least one."""
        return len(self._facts["profiles"])

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[Dims]:
        """Return the least, the most usual and the largest shape of an input in a profile."""
        found = self._tensor("getProfileShape", name)
        if found is None or found["mode"] != "INPUT" or not 0 <= profile_index < self.num_optimization_profiles:
            text = f"there is no profile {profile_index} of an input {name}"
            self._reporter.error("ICudaEngine::getProfileShape", 3, f"Parameter check failed: {text}.")
            return []
        return [Dims(shape) for shape in self._facts["profiles"][profile_index][name]]

    def get_tensor_profile_values(self, name: str, profile_index: int) -> list[list[int]]:
        """Return the least, the most usual and the largest values of a shape tensor in a profile."""
        values = self._facts["values"]
        return [list(v) for v in values[profile_index].get(name, ())] if profile_index < len(values) else []

    # The engine itself

    @property
    def name(self) -> str:
        """The network's name."""
        return self._facts["name"]

    @property
    def num_layers(self) -> int:
        """How many layers the engine has, after fusion."""
        return len(self._facts["layers"])

    @property
    def profiling_verbosity(self) -> ProfilingVerbosity:
        """How much the engine can tell about its layers."""
        return ProfilingVerbosity[self._facts["verbosity"]]

    @property
    def engine_capability(self) -> EngineCapability:
        """The kind of engine."""
        return EngineCapability[self._facts["capability"]]

    @property
    def hardware_compatibility_level(self) -> HardwareCompatibilityLevel:
        """NONE."""
        return HardwareCompatibilityLevel.NONE

    @property
    def tactic_sources(self) -> int:
        """The tactic sources, as bits."""
        return self._facts["tactic_sources"]

    @property
    def refittable(self) -> bool:
        """Whether weights can be changed: they cannot."""
        return False

    @property
    def num_aux_streams(self) -> int:
        """How many streams the engine uses beside the one it is given: none."""
        return 0

    @property
    def device_memory_size_v2(self) -> int:
        """The bytes of the inputs at the largest profile's largest shapes: a context here has no memory to be given."""
        return max(self.get_device_memory_size_for_profile_v2(k) for k in range(self.num_optimization_profiles))

    def get_device_memory_size_for_profile_v2(self, profile_index: int) -> int:
        """Return the bytes of a profile's inputs at their largest."""
        shapes = self._facts["profiles"][profile_index]
        return sum(int(volume(three[2]) * self._types[name].itemsize) for name, three in shapes.items())

    def get_engine_stat(self, stat: EngineStat = EngineStat.TOTAL_WEIGHTS_SIZE) -> int:
        """Return a number about the engine, in bytes."""
        return self._facts["weights_bytes"] if stat == EngineStat.TOTAL_WEIGHTS_SIZE else 0

    def serialize(self) -> IHostMemory:
        """Return the plan."""
        return IHostMemory._make(self._content)

    def create_serialization_config(self) -> ISerializationConfig:
        """Return a config for `serialize_with_config`."""
        return ISerializationConfig._make()

    def serialize_with_config(self, arg0: ISerializationConfig) -> IHostMemory:
        """Return the plan; without weights is not possible here."""
        if arg0.get_flag(SerializationFlag.EXCLUDE_WEIGHTS):
            raise not_implemented("SerializationFlag.EXCLUDE_WEIGHTS", "plans keep their weights here")
        return self.serialize()

    def create_engine_inspector(self) -> EngineInspector:
        """Return an inspector: it tells what the engine's layers are."""
        return EngineInspector._make(self)

    def create_runtime_config(self) -> IRuntimeConfig:
        """Return a config for `create_execution_context`."""
        return IRuntimeConfig._make()

    def create_execution_context(
        self,
        strategy: ExecutionContextAllocationStrategy
        | IRuntimeConfig
        | None = ExecutionContextAllocationStrategy.STATIC,
        *,
        runtime_config: IRuntimeConfig | None = None,
    ) -> IExecutionContext:
        """Return a context: it holds shapes and addresses, and runs the engine. One per thread."""
        if not (strategy is None or isinstance(strategy, (ExecutionContextAllocationStrategy, IRuntimeConfig))):
            raise TypeError(f"strategy is a trt.ExecutionContextAllocationStrategy, not {strategy!r}")
        config = (
            runtime_config if runtime_config is not None else strategy if isinstance(strategy, IRuntimeConfig) else None
        )
        if config is None:
            config = self.create_runtime_config()
            if isinstance(strategy, ExecutionContextAllocationStrategy):
                config.set_execution_context_allocation_strategy(strategy)
        return IExecutionContext._make(self, config, self._reporter.inherit())

    # Weight streaming: not there

    @property
    def streamable_weights_size(self) -> int:
        """0: no weights are streamed."""
        return 0

    @property
    def weight_streaming_scratch_memory_size(self) -> int:
        """0: no weights are streamed."""
        return 0

    @property
    def weight_streaming_budget_v2(self) -> int:
        """0: no weights are streamed."""
        return 0

    @weight_streaming_budget_v2.setter
    def weight_streaming_budget_v2(self, value: int) -> None:
        raise not_implemented("ICudaEngine.weight_streaming_budget_v2", "weights lie in the machine's memory anyhow")

    def get_weight_streaming_automatic_budget(self) -> int:
        """Refuse."""
        raise not_implemented("ICudaEngine.get_weight_streaming_automatic_budget")
