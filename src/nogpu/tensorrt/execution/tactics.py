"""Tactics: the implementations of a graph that there are on this CPU, timed when the engine is built.

All compute the same graph on ONNX Runtime; they differ in how it prepares the graph and in how many threads share a
node. Which is quickest depends on the graph, the batch and the machine, so it is measured, as TensorRT does.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnxruntime

from nogpu.tensorrt.enumerations import Severity
from nogpu.tensorrt.execution.sessions import bind, open_session, random_inputs
from nogpu.tensorrt.settings import Settings

WARM_UP, RUNS, BUDGET_SECONDS = 1, 5, 1.5  # for each tactic


def tactics(settings: Settings) -> list[dict[str, Any]]:
    """Return the tactics to try, the general one first."""
    threads = settings.threads or _cores()
    found = [
        {"name": "blocked_channels", "level": "ENABLE_ALL", "threads": threads},
        {"name": "plain_layout", "level": "ENABLE_EXTENDED", "threads": threads},
    ]
    if threads > 1:
        found.append({"name": "blocked_channels_one_thread", "level": "ENABLE_ALL", "threads": 1})
    return found if settings.optimization_level > 0 else found[:1]


def choose(
    graph: bytes,
    shapes: Mapping[str, tuple[int, ...]],
    settings: Settings,
    timing_cache: dict[str, tuple[int, float]],
    log: Callable[[Severity, str], Any],
) -> dict[str, Any]:
    """Return the quickest tactic for the graph at these input shapes; times known from the cache are not measured."""
    model = hashlib.sha256(graph).hexdigest()[:16]
    measured: list[tuple[float, dict[str, Any]]] = []
    candidates = tactics(settings)
    for tactic in candidates:
        key = f"{model} {sorted(shapes.items())} {tactic} {onnxruntime.__version__}"
        number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
        if len(candidates) == 1:
            return tactic | {"number": number}
        known = timing_cache.get(key)
        if known is not None:
            seconds = known[1] / 1e3
        else:
            try:
                seconds = _time(graph, tactic, shapes)
            except Exception as error:  # an input whose values decide shapes: none that we invent may fit
                log(Severity.VERBOSE, f"No tactic could be timed with invented inputs ({type(error).__name__}).")
                return tactic | {"number": number}
            timing_cache[key] = (number, 1e3 * seconds)
        source = "" if known is None else " (from the timing cache)"
        text = f"Tactic Name: {tactic['name']} Tactic: 0x{number:016x} Time: {1e3 * seconds:.6g}{source}"
        log(Severity.VERBOSE, text)
        measured.append((seconds, tactic | {"number": number}))
    seconds, best = min(measured, key=lambda each: each[0])
    log(Severity.INFO, f"Fastest Tactic: {best['name']} (0x{best['number']:016x}) Time: {1e3 * seconds:.6g} ms")
    return best


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _time(graph: bytes, tactic: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> float:
    """Return the shortest of several runs, in seconds."""
    session = open_session(graph, tactic)
    inputs = random_inputs(session, shapes, np.random.default_rng(0))
    binding = bind(session, inputs, {})
    for _ in range(WARM_UP):
        session.run_with_iobinding(binding)
    best, end = float("inf"), time.perf_counter() + BUDGET_SECONDS
    for _ in range(RUNS):
        start = time.perf_counter()
        session.run_with_iobinding(binding)
        best = min(best, time.perf_counter() - start)
        if time.perf_counter() > end:
            break
    return best
