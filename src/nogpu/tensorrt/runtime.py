"""Runtime: makes engines of plans."""

from __future__ import annotations

import json
from typing import Any

from nogpu.tensorrt import plan
from nogpu.tensorrt.engine import ICudaEngine
from nogpu.tensorrt.enumerations import DLAWorkspaceAllocationStrategy, Severity, TempfileControlFlag
from nogpu.tensorrt.logger import ILogger, require_logger
from nogpu.tensorrt.native import WithBlock, not_implemented
from nogpu.tensorrt.plugin_registry import IPluginRegistry, get_plugin_registry
from nogpu.tensorrt.reporting import Failure, Reporter, Reporting
from nogpu.tensorrt.streaming import IStreamReaderV2, read_plan

WHERE = "IRuntime::deserializeCudaEngine"


class Runtime(WithBlock, Reporting):
    """Reads plans: `trt.Runtime(logger)`."""

    def __init__(self, logger: ILogger) -> None:
        self._reporter = Reporter(require_logger(logger, "Runtime"))
        self._max_threads = 1
        self._host_code_allowed = False
        self._dla_core = 0
        self._dla_strategy = DLAWorkspaceAllocationStrategy.DEFAULT
        self._tempfile_flags = sum(1 << int(flag) for flag in TempfileControlFlag)
        self._temporary_directory = ""

    def deserialize_cuda_engine(
        self, serialized_engine: Any = None, stream_reader_v2: Any = None
    ) -> ICudaEngine | None:
        """Return the engine of a plan (bytes, what `build_serialized_network` returned, or your reader of a plan).

        None where the plan is empty, damaged, of another version or no plan: the logger has the reason.
        """
        source = serialized_engine if stream_reader_v2 is None else stream_reader_v2
        try:
            content = read_plan(source) if isinstance(source, IStreamReaderV2) else bytes(memoryview(source))
        except TypeError:
            raise TypeError(
                "deserialize_cuda_engine(): incompatible function arguments: the plan's bytes are expected, "
                f"not {type(source).__name__}"
            ) from None
        try:
            return self._load(content)
        except Failure as failure:
            failure.report_to(self._reporter)
        except Exception as error:  # a plan with a right checksum that holds nonsense
            self._reporter.error(WHERE, 1, f"The plan cannot be read: {type(error).__name__}: {error}")
        return None

    def _load(self, content: bytes) -> ICudaEngine:
        from nogpu.tensorrt import execution  # loads slowly, and only here

        sections = plan.unpack(content)
        facts = json.loads(sections.pop("engine"))
        executable = execution.load(sections)
        self._reporter.say(Severity.INFO, f"Loaded engine size: {len(content) / 2**20:.3g} MiB")
        return ICudaEngine._make(facts, executable, content, self._reporter.inherit())

    @property
    def logger(self) -> ILogger:
        """The logger."""
        return self._reporter.logger

    @property
    def max_threads(self) -> int:
        """How many threads the runtime may use."""
        return self._max_threads

    @max_threads.setter
    def max_threads(self, value: int) -> None:
        self._max_threads = max(1, int(value))

    @property
    def engine_host_code_allowed(self) -> bool:
        """Whether plans may bring code of their own for the host: they never do here."""
        return self._host_code_allowed

    @engine_host_code_allowed.setter
    def engine_host_code_allowed(self, value: bool) -> None:
        self._host_code_allowed = bool(value)

    @property
    def DLA_core(self) -> int:
        """The DLA core: taken note of."""
        return self._dla_core

    @DLA_core.setter
    def DLA_core(self, value: int) -> None:
        self._dla_core = int(value)

    @property
    def num_DLA_cores(self) -> int:
        """How many DLA cores there are: none."""
        return 0

    @property
    def dla_workspace_allocation_strategy(self) -> DLAWorkspaceAllocationStrategy:
        """Taken note of."""
        return self._dla_strategy

    @dla_workspace_allocation_strategy.setter
    def dla_workspace_allocation_strategy(self, value: DLAWorkspaceAllocationStrategy) -> None:
        self._dla_strategy = value

    @property
    def tempfile_control_flags(self) -> int:
        """Which temporary files are allowed, as bits: none are made."""
        return self._tempfile_flags

    @tempfile_control_flags.setter
    def tempfile_control_flags(self, value: int) -> None:
        self._tempfile_flags = int(value)

    @property
    def temporary_directory(self) -> str:
        """Where temporary files would go: none are made."""
        return self._temporary_directory

    @temporary_directory.setter
    def temporary_directory(self, value: str) -> None:
        self._temporary_directory = str(value)

    @property
    def gpu_allocator(self) -> Any:
        """Your allocator of device memory: never asked here."""
        return None

    @gpu_allocator.setter
    def gpu_allocator(self, allocator: Any) -> None:
        if allocator is not None:
            raise not_implemented("Runtime.gpu_allocator", "memory is the machine's own")

    def get_plugin_registry(self) -> IPluginRegistry:
        """Return the plugin registry."""
        return get_plugin_registry()

    def load_runtime(self, path: str) -> Any:
        """Refuse."""
        raise not_implemented("Runtime.load_runtime", "plans of other versions are not run here: build again")
