"""IBuilderConfig: how a network is to be built. Flags, memory, profiles, the timing cache.

What a CPU has no use for (DLA cores, auxiliary streams, tiling) is taken note of and given back, so that scripts run.
"""

from __future__ import annotations

import operator
from typing import Any

from nogpu.tensorrt.enumerations import (
    BuilderFlag,
    DeviceType,
    EngineCapability,
    HardwareCompatibilityLevel,
    MemoryPoolType,
    PreviewFeature,
    ProfilingVerbosity,
    RuntimePlatform,
    TilingOptimizationLevel,
)
from nogpu.tensorrt.native import Made, WithBlock, not_implemented
from nogpu.tensorrt.profiles import IOptimizationProfile
from nogpu.tensorrt.progress import IProgressMonitor
from nogpu.tensorrt.reporting import Reporter
from nogpu.tensorrt.timing_cache import ITimingCache

_POOLS = {
    MemoryPoolType.DLA_LOCAL_DRAM: 1 << 30,
    MemoryPoolType.DLA_GLOBAL_DRAM: 1 << 29,
    MemoryPoolType.TACTIC_SHARED_MEMORY: 1 << 30,
}
_UNSUPPORTED = {
    BuilderFlag.REFIT: "build again instead",
    BuilderFlag.REFIT_IDENTICAL: "build again instead",
    BuilderFlag.REFIT_INDIVIDUAL: "build again instead",
    BuilderFlag.STRIP_PLAN: "plans keep their weights here",
    BuilderFlag.WEIGHT_STREAMING: "weights lie in the machine's memory anyhow",
    BuilderFlag.SAFETY_SCOPE: "",
}


class _Noted:
    """A setting that changes nothing here: it is kept and given back."""

    def __init__(self, kind: type, start: Any, doc: str) -> None:
        self._kind, self._start, self.__doc__ = kind, start, doc

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, config: Any, owner: type | None = None) -> Any:
        return self if config is None else config._noted.get(self._name, self._start)

    def __set__(self, config: Any, value: Any) -> None:
        wanted = self._kind is not int
        if wanted and not isinstance(value, self._kind):
            raise TypeError(f"{self._name} is a tensorrt.{self._kind.__name__}, not {value!r}")
        config._noted[self._name] = value if wanted else operator.index(value)


class IBuilderConfig(Made, WithBlock):
    """The settings of a build, made by `builder.create_builder_config()`."""

    def _begin(self, reporter: Reporter, device_bytes: int) -> None:
        self._reporter, self._device_bytes = reporter, device_bytes
        self.reset()

    def reset(self) -> None:
        """Put everything back to how it was at first."""
        self._flags = 1 << int(BuilderFlag.TF32)
        self._profiles: list[IOptimizationProfile] = []
        self._pools: dict[MemoryPoolType, int] = {}
        self._noted: dict[str, Any] = {}
        self._previews = 1 << int(PreviewFeature.RUNTIME_ACTIVATION_RESIZE_10_10)
        self._timing_cache: ITimingCache | None = None
        self._progress_monitor: IProgressMonitor | None = None
        self._level, self._iterations, self._tactic_sources = 3, 1, 3
        self._plugins: list[str] = []

    # Flags

    @property
    def flags(self) -> int:
        """All flags, as bits."""
        return self._flags

    @flags.setter
    def flags(self, value: int) -> None:
        for flag in BuilderFlag:
            if value >> int(flag) & 1:
                self._refuse_unsupported(flag)
        self._flags = int(value)

    def set_flag(self, flag: BuilderFlag) -> None:
        """Set a flag."""
        self._refuse_unsupported(_flag(flag))
        self._flags |= 1 << int(flag)

    def clear_flag(self, flag: BuilderFlag) -> None:
        """Clear a flag."""
        self._flags &= ~(1 << int(_flag(flag)))

    def get_flag(self, flag: BuilderFlag) -> bool:
        """Say whether a flag is set. TF32 is, from the start."""
        return bool(self._flags >> int(_flag(flag)) & 1)

    @staticmethod
    def _refuse_unsupported(flag: BuilderFlag) -> None:
        if flag in _UNSUPPORTED:
            raise not_implemented(f"BuilderFlag.{flag.name}", _UNSUPPORTED[flag])

    # Memory and effort

    def set_memory_pool_limit(self, pool: MemoryPoolType, pool_size: int) -> None:
        """Bound the memory of a kind, in bytes."""
        size = operator.index(pool_size)
        if size < 0:
            raise TypeError(f"set_memory_pool_limit(): pool_size is a number of bytes, 0 or more, not {pool_size}")
        if pool == MemoryPoolType.WORKSPACE and size > self._device_bytes:
            self._reporter.warn(
                f"Requested amount of GPU memory ({size} bytes) could not be set: the device has "
                f"{self._device_bytes} bytes."
            )
        self._pools[MemoryPoolType(pool)] = size

    def get_memory_pool_limit(self, pool: MemoryPoolType) -> int:
        """Return the bound in bytes. For the workspace it is all of the device's memory until you set it."""
        if pool in (MemoryPoolType.WORKSPACE, MemoryPoolType.TACTIC_DRAM):
            return self._pools.get(pool, self._device_bytes)
        return self._pools.get(pool, _POOLS.get(pool, 0))

    @property
    def builder_optimization_level(self) -> int:
        """How much the builder tries, 0 (a fast build) to 5 (a fast engine)."""
        return self._level

    @builder_optimization_level.setter
    def builder_optimization_level(self, value: int) -> None:
        level = operator.index(value)
        if not 0 <= level <= 5:
            self._reporter.warn(
                f"Builder optimization level {level} is out of range [0, 5]: {min(max(level, 0), 5)} is used."
            )
        self._level = min(max(level, 0), 5)

    @property
    def avg_timing_iterations(self) -> int:
        """Over how many runs the time of a tactic is averaged."""
        return self._iterations

    @avg_timing_iterations.setter
    def avg_timing_iterations(self, value: int) -> None:
        if operator.index(value) < 1:
            text = f"Parameter check failed, condition: avgTiming >= 1, but it is {value}."
            self._reporter.error("IBuilderConfig::setAvgTimingIterations", 3, text)
            return
        self._iterations = int(value)

    # Profiles

    def add_optimization_profile(self, profile: IOptimizationProfile) -> int:
        """Add a profile and return its number; -1, with an error message, when it is not min <= opt <= max."""
        if not isinstance(profile, IOptimizationProfile):
            raise TypeError(
                f"add_optimization_profile takes what builder.create_optimization_profile() makes: {profile!r}"
            )
        wrong = profile._out_of_order()
        if wrong:
            self._reporter.error(
                "IOptimizationProfile::isValid",
                4,
                f"Invalid optimization profiles for input tensors {', '.join(wrong)}, please ensure that the "
                "optimization "
                "profiles satisfy MIN<=OPT<=MAX.",
            )
            text = "Parameter check failed, condition: profile->isValid()."
            self._reporter.error("IBuilderConfig::addOptimizationProfile", 3, text)
            return -1
        self._profiles.append(profile._copy())
        return len(self._profiles) - 1

    @property
    def num_optimization_profiles(self) -> int:
        """How many profiles were added."""
        return len(self._profiles)

    # The timing cache

    def create_timing_cache(self, serialized_timing_cache: Any) -> ITimingCache | None:
        """Return a timing cache of these bytes; an empty one for b"". None, with a message, for other bytes."""
        return ITimingCache._read(bytes(serialized_timing_cache), self._reporter)

    def set_timing_cache(self, cache: ITimingCache, ignore_mismatch: bool) -> bool:
        """Use this cache. False, with a message, for one of another device, unless `ignore_mismatch`."""
        if not isinstance(cache, ITimingCache):
            raise TypeError(f"set_timing_cache takes a tensorrt.ITimingCache, not {cache!r}")
        if cache._mismatch() and not ignore_mismatch:
            self._reporter.error("IBuilderConfig::setTimingCache", 4, f"Timing cache mismatch: {cache._mismatch()}.")
            return False
        self._timing_cache = cache
        return True

    def get_timing_cache(self) -> ITimingCache | None:
        """Return the cache that was set, or the one that the last build made; None before."""
        return self._timing_cache

    # What the build tells

    @property
    def progress_monitor(self) -> IProgressMonitor | None:
        """Your progress monitor."""
        return self._progress_monitor

    @progress_monitor.setter
    def progress_monitor(self, monitor: IProgressMonitor | None) -> None:
        if monitor is not None and not isinstance(monitor, IProgressMonitor):
            raise TypeError(f"progress_monitor is a subclass of trt.IProgressMonitor, not {monitor!r}")
        self._progress_monitor = monitor

    profiling_verbosity = _Noted(
        ProfilingVerbosity, ProfilingVerbosity.LAYER_NAMES_ONLY, "How much the engine can tell about its layers."
    )

    # Taken note of

    def set_preview_feature(self, feature: PreviewFeature, enable: bool) -> None:
        """Take note of a preview feature."""
        bit = 1 << int(feature)
        self._previews = self._previews | bit if enable else self._previews & ~bit

    def get_preview_feature(self, feature: PreviewFeature) -> bool:
        """Say whether a preview feature is on."""
        return bool(self._previews >> int(feature) & 1)

    def set_tactic_sources(self, tactic_sources: int) -> bool:
        """Take note of the tactic sources, as bits."""
        self._tactic_sources = int(tactic_sources)
        return True

    def get_tactic_sources(self) -> int:
        """Return the tactic sources, as bits."""
        return self._tactic_sources

    def set_device_type(self, layer: Any, device_type: DeviceType) -> None:
        """Put a layer on a device. Refuses the DLA, which is not there."""
        if device_type != DeviceType.GPU:
            raise not_implemented("DeviceType.DLA", "there is no DLA")

    def get_device_type(self, layer: Any) -> DeviceType:
        """Return GPU."""
        return DeviceType.GPU

    def is_device_type_set(self, layer: Any) -> bool:
        """Return False."""
        return False

    def reset_device_type(self, layer: Any) -> None:
        """Do nothing."""

    def can_run_on_DLA(self, layer: Any) -> bool:
        """Return False: there is no DLA."""
        return False

    @property
    def plugins_to_serialize(self) -> list[str]:
        """The plugin libraries that go into the plan: none can."""
        return list(self._plugins)

    @plugins_to_serialize.setter
    def plugins_to_serialize(self, value: list[str]) -> None:
        if value:
            raise not_implemented("IBuilderConfig.plugins_to_serialize", "plugins run on a GPU only")

    @property
    def default_device_type(self) -> DeviceType:
        """GPU."""
        return DeviceType.GPU

    @default_device_type.setter
    def default_device_type(self, value: DeviceType) -> None:
        self.set_device_type(None, value)

    @property
    def all_build_routes(self) -> list[str]:
        """The build routes to choose from: none."""
        return []

    build_route = _Noted(str, "", "The build route: taken note of.")
    remote_auto_tuning_config = _Noted(str, "", "Where tactics are tuned remotely: taken note of.")
    DLA_core = _Noted(int, -1, "The DLA core: taken note of.")
    engine_capability = _Noted(EngineCapability, EngineCapability.STANDARD, "The kind of engine: taken note of.")
    hardware_compatibility_level = _Noted(
        HardwareCompatibilityLevel, HardwareCompatibilityLevel.NONE, "On which GPUs it shall run: taken note of."
    )
    l2_limit_for_tiling = _Noted(int, 0, "The L2 cache for tiling: taken note of.")
    max_aux_streams = _Noted(int, -1, "How many streams beside the main one: taken note of.")
    max_num_tactics = _Noted(int, -1, "How many tactics are tried at most; -1: the builder decides.")
    profile_stream = _Noted(int, 0, "The stream on which a GPU would measure: taken note of.")
    runtime_platform = _Noted(RuntimePlatform, RuntimePlatform.SAME_AS_BUILD, "Where the engine runs: taken note of.")
    tiling_optimization_level = _Noted(TilingOptimizationLevel, TilingOptimizationLevel.NONE, "Taken note of.")


def _flag(given: Any) -> BuilderFlag:
    if not isinstance(given, BuilderFlag):
        raise TypeError(f"a flag is a member of trt.BuilderFlag, not {given!r}")
    return given
