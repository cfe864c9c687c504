"""Builder: makes networks, configs and profiles, and builds plans.

The build itself is other rooms' work: `network_checks` says whether the network may be built at all, `optimizer` fuses
layers, `execution` picks tactics and gives the plan's sections. Whatever goes wrong is a message, and None.
"""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

import onnx_ir as ir

from nogpu.tensorrt import network_checks, plan
from nogpu.tensorrt.config import IBuilderConfig
from nogpu.tensorrt.enumerations import BuilderFlag, MemoryPoolType, NetworkDefinitionCreationFlag, Severity
from nogpu.tensorrt.host_memory import IHostMemory
from nogpu.tensorrt.logger import ILogger, require_logger
from nogpu.tensorrt.memory import device_bytes
from nogpu.tensorrt.native import WithBlock, not_implemented
from nogpu.tensorrt.network.definition import INetworkDefinition
from nogpu.tensorrt.plugin_registry import IPluginRegistry, get_plugin_registry
from nogpu.tensorrt.profiles import IOptimizationProfile
from nogpu.tensorrt.progress import Cancelled, Phase
from nogpu.tensorrt.reporting import Failure, Reporter, Reporting
from nogpu.tensorrt.settings import Settings
from nogpu.tensorrt.streaming import IStreamWriter, write_plan
from nogpu.tensorrt.timing_cache import ITimingCache, entries_of

WHERE = "IBuilder::buildSerializedNetwork"
STEPS = {"Validating": 1, "Optimizing": 1, "Choosing tactics": 1, "Serializing": 1}


class Builder(WithBlock, Reporting):
    """Builds engines: `trt.Builder(logger)`."""

    def __init__(self, logger: ILogger) -> None:
        self._reporter = Reporter(require_logger(logger, "Builder"))
        self._max_threads = 1

    @property
    def logger(self) -> ILogger:
        """The logger."""
        return self._reporter.logger

    @property
    def max_threads(self) -> int:
        """How many threads the builder may use."""
        return self._max_threads

    @max_threads.setter
    def max_threads(self, value: int) -> None:
        self._max_threads = max(1, int(value))

    @property
    def num_DLA_cores(self) -> int:
        """How many DLA cores there are: none."""
        return 0

    @property
    def max_DLA_batch_size(self) -> int:
        """The largest batch of a DLA: there is none."""
        return 0

    @property
    def gpu_allocator(self) -> Any:
        """Your allocator of device memory: never asked here."""
        return None

    @gpu_allocator.setter
    def gpu_allocator(self, allocator: Any) -> None:
        if allocator is not None:
            raise not_implemented("Builder.gpu_allocator", "memory is the machine's own")

    def get_plugin_registry(self) -> IPluginRegistry:
        """Return the plugin registry."""
        return get_plugin_registry()

    def create_network(self, flags: int = 0) -> INetworkDefinition | None:
        """Return an empty network. Networks are strongly typed; the flag that says so is accepted and ignored."""
        bits = int(flags)
        if not 0 <= bits < 1 << len(NetworkDefinitionCreationFlag):
            text = (
                "Parameter check failed, condition: flagSet.toU32() < (1U << EnumMax<NetworkDefinitionCreationFlag>())."
            )
            self._reporter.error("IBuilder::createNetworkV2", 3, text)
            return None
        return INetworkDefinition._make(self, self._reporter.inherit(), bits)

    def create_builder_config(self) -> IBuilderConfig:
        """Return a config with the usual settings."""
        return IBuilderConfig._make(self._reporter.inherit(), device_bytes())

    def create_optimization_profile(self) -> IOptimizationProfile:
        """Return an empty profile: call `set_shape` for each dynamic input, then `config.add_optimization_profile`."""
        return IOptimizationProfile._make()

    def reset(self) -> None:
        """Put the builder back to how it was at first."""
        self._max_threads = 1

    def is_network_supported(self, network: INetworkDefinition, config: IBuilderConfig) -> bool:
        """Say whether the network could be built with this config; the reasons against it go to the logger."""
        _require(network, config)
        try:
            network_checks.check(network, config)
        except Failure as failure:
            failure.report_to(self._reporter)
            return False
        return True

    def build_serialized_network(
        self, network: INetworkDefinition, config: IBuilderConfig, kernel_text: Any = None
    ) -> IHostMemory | None:
        """Build, and return the plan. None where it could not be built: the logger has the reason."""
        _require(network, config)
        if kernel_text is not None:
            raise not_implemented(
                "Builder.build_serialized_network with kernel_text", "there are no GPU kernels to tell"
            )
        monitor, start = config.progress_monitor, time.perf_counter()
        try:
            with Phase(monitor, "Building Engine", None, len(STEPS)) as whole:
                content = self._build(network, config, whole, monitor)
        except Failure as failure:
            failure.report_to(self._reporter)
            return None
        except Cancelled:
            self._reporter.error(WHERE, 2, "The build was cancelled by the progress monitor.")
            return None
        self._reporter.say(Severity.INFO, f"Engine generation completed in {time.perf_counter() - start:.6g} seconds.")
        return IHostMemory._make(content)

    def _build(self, network: INetworkDefinition, config: IBuilderConfig, whole: Phase, monitor: Any) -> bytes:
        # Imported here: these rooms need libraries that take long to load, and only a build needs them.
        from nogpu.tensorrt import execution, optimizer

        def phase(name: str) -> Phase:
            return Phase(monitor, name, "Building Engine", STEPS[name])

        reporter = self._reporter
        with phase("Validating") as part:
            model, profiles = network_checks.check(network, config)
            count = f"Detected {network.num_inputs} inputs and {network.num_outputs} output network tensors."
            reporter.say(Severity.INFO, count)
            part.step()
        whole.step()
        facts = network_checks.engine_facts(network, model, profiles, config)
        settings = settings_of(config, network.name, self._max_threads)
        cache = _timing_cache(config, reporter)
        with phase("Optimizing") as part:
            optimized = optimizer.optimize(_copy(model), settings, reporter.say)
            _carry_metadata(network, optimized.layers)
            part.step()
        whole.step()
        with phase("Choosing tactics") as part:
            sections = execution.compile(optimized, profiles, settings, entries_of(cache), reporter.say)
            part.step()
        whole.step()
        with phase("Serializing") as part:
            facts["layers"] = [dataclasses.asdict(layer) for layer in optimized.layers]
            part.step()
        whole.step()
        return plan.pack({"engine": json.dumps(facts).encode(), **sections})

    def build_engine_with_config(self, network: INetworkDefinition, config: IBuilderConfig) -> Any:
        """Build, and return the engine itself, or None."""
        from nogpu.tensorrt.runtime import Runtime

        content = self.build_serialized_network(network, config)
        return None if content is None else Runtime(self.logger).deserialize_cuda_engine(content)

    def build_serialized_network_to_stream(
        self, network: INetworkDefinition, config: IBuilderConfig, writer: Any
    ) -> bool:
        """Build, and give the plan to your writer in pieces. Say whether that went well: the logger has the reason."""
        if not isinstance(writer, IStreamWriter):
            raise TypeError(f"writer is a subclass of trt.IStreamWriter, not {writer!r}")
        content = self.build_serialized_network(network, config)
        if content is None:
            return False
        try:
            write_plan(writer, bytes(memoryview(content)))
        except Failure as failure:
            failure.report_to(self._reporter)
            return False
        return True


def settings_of(config: IBuilderConfig, network_name: str, threads: int) -> Settings:
    """Return a config's settings as plain values."""
    return Settings(
        tf32=config.get_flag(BuilderFlag.TF32),
        strict_nans=config.get_flag(BuilderFlag.STRICT_NANS),
        debug=config.get_flag(BuilderFlag.DEBUG),
        disable_timing_cache=config.get_flag(BuilderFlag.DISABLE_TIMING_CACHE),
        error_on_timing_cache_miss=config.get_flag(BuilderFlag.ERROR_ON_TIMING_CACHE_MISS),
        editable_timing_cache=config.get_flag(BuilderFlag.EDITABLE_TIMING_CACHE),
        optimization_level=config.builder_optimization_level,
        workspace_bytes=config.get_memory_pool_limit(MemoryPoolType.WORKSPACE),
        avg_timing_iterations=config.avg_timing_iterations,
        max_num_tactics=config.max_num_tactics,
        verbosity=config.profiling_verbosity.name,
        network_name=network_name,
    )


def _timing_cache(config: IBuilderConfig, reporter: Reporter) -> ITimingCache | None:
    """Return the config's timing cache; a new one, which it then has, where it has none; None where it wants none."""
    if config.get_flag(BuilderFlag.DISABLE_TIMING_CACHE):
        return None
    if config.get_timing_cache() is None:
        reporter.say(
            Severity.INFO, "Local timing cache in use. Profiling results in this builder pass will not be stored."
        )
        return ITimingCache._read(b"", reporter)
    return config.get_timing_cache()


def _copy(model: ir.Model) -> ir.Model:
    """Return a copy that can be changed at will: a clone's values would still share their type objects with ours."""
    copy = model.clone()
    values = [*copy.graph.inputs, *copy.graph.initializers.values()]
    values += [output for node in ir.traversal.RecursiveGraphIterator(copy.graph) for output in node.outputs]
    for value in values:
        if isinstance(value.type, ir.TensorType):
            value.type = ir.TensorType(value.type.dtype)
    return copy


def _carry_metadata(network: INetworkDefinition, layers: list[Any]) -> None:
    """Give each layer of the engine the metadata of all layers of the network in it, as TensorRT joins them."""
    known = {layer.name: layer.metadata for layer in network._layers}
    for layer in layers:
        layer.metadata = "\x1e".join(filter(None, (known.get(name) for name in layer.merged)))


def _require(network: Any, config: Any) -> None:
    if not isinstance(network, INetworkDefinition) or not isinstance(config, IBuilderConfig):
        raise TypeError(
            "build_serialized_network(): incompatible function arguments: a network of builder.create_network() and a "
            f"config of builder.create_builder_config() are expected, not {network!r} and {config!r}"
        )
