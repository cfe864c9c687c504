"""Execution: an engine's graph on ONNX Runtime's kernels, by the implementation that was quickest when it was timed.

`compile` is the end of a build, `load` the beginning of a run; between them lie the plan's sections, which are bytes.
ONNX Runtime is used as a set of kernels: what is one layer and where values are rounded was decided before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import onnx_ir as ir

from nogpu.tensorrt.enumerations import Severity
from nogpu.tensorrt.execution.executable import Executable
from nogpu.tensorrt.execution.integers import fold_quantised_weights
from nogpu.tensorrt.execution.layer_times import nodes_of_layers
from nogpu.tensorrt.execution.lowering import lower
from nogpu.tensorrt.execution.rounding import with_rounding_points
from nogpu.tensorrt.execution.tactics import choose
from nogpu.tensorrt.optimizer.layers import Optimized
from nogpu.tensorrt.settings import Settings

__all__ = ["Executable", "compile", "load"]

Shapes = Mapping[str, tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]]


def compile(
    optimized: Optimized,
    profiles: list[Shapes],
    settings: Settings,
    timing_cache: dict[str, tuple[int, float]],
    log: Callable[[Severity, str], Any],
) -> dict[str, bytes]:
    """Return the sections of the plan: the graph as it will run, and the tactic that was quickest for it.

    `profiles` has, by input, the smallest, best and largest shape; tactics are timed at the best ones of each profile.
    Raises Failure where the settings ask for known times only and there is one that the cache does not know.
    """
    model = lower(with_rounding_points(optimized, settings))
    fold_quantised_weights(model)
    graph = ir.to_proto(model).SerializeToString()
    best = [{name: tuple(shapes[1]) for name, shapes in profile.items()} for profile in profiles] or [{}]
    tactic = choose(graph, best, settings, timing_cache, log)
    nodes = nodes_of_layers(model, optimized.layers)
    return {"graph": graph, "tactic": json.dumps(tactic).encode(), "nodes": json.dumps(nodes).encode()}


def load(sections: Mapping[str, bytes]) -> Executable:
    """Return what runs the sections that `compile` made."""
    return Executable(sections["graph"], json.loads(sections["tactic"]), json.loads(sections.get("nodes", b"{}")))
