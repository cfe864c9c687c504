"""What a build is told, as plain values: the builder makes it of the user's config, optimizer and execution read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


def _nothing(phase: str, step: int, steps: int) -> None:
    """Progress for nobody."""


@dataclass(frozen=True)
class Settings:
    """The build's settings. Sizes in bytes."""

    tf32: bool = False  # round the factors of FP32 products to TF32; BuilderFlag.TF32 is set from the start
    strict_nans: bool = False
    debug: bool = False
    refit: bool = False
    disable_timing_cache: bool = False
    error_on_timing_cache_miss: bool = False
    editable_timing_cache: bool = False
    optimization_level: int = 3  # 0 (fast build) to 5
    workspace_bytes: int = 1 << 30
    avg_timing_iterations: int = 1
    max_num_tactics: int = -1  # -1: the builder decides
    verbosity: str = "LAYER_NAMES_ONLY"  # a member of ProfilingVerbosity, by name
    threads: int = 0  # 0: as many as the machine has
    network_name: str = "Unnamed Network 0"
    progress: Callable[[str, int, int], None] = field(default=_nothing, compare=False)  # (phase, step done, steps)
