"""Tactics: the implementations of a graph that there are on this CPU, timed when the engine is built.

A tactic is for the whole graph (sessions for single layers cost up to half as much again): how ONNX Runtime lays out
the channels, how many threads share a node, and, for INT8, which 8-bit kernel multiplies. Which is quickest depends on
the graph, the shapes and the machine, so it is measured, as TensorRT does, and kept in the timing cache. The key of an
entry is the graph without the values of its weights: a network that was only trained anew is not timed again.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime

from nogpu.tensorrt.enumerations import Severity
from nogpu.tensorrt.execution.integers import exact, has_integers, kernels, with_integer_kernels
from nogpu.tensorrt.execution.sessions import bind, open_session, random_inputs
from nogpu.tensorrt.reporting import Failure
from nogpu.tensorrt.settings import Settings

WARM_UP, RUNS, BUDGET_SECONDS = 1, 5, 1.5  # for each tactic and profile
SMALL = 1024  # bytes: a weight up to this size may be a shape, which decides how long the graph takes
Log = Callable[[Severity, str], Any]
Cache = dict[str, tuple[int, float]]
Shapes = Mapping[str, tuple[int, ...]]

LAYOUTS = {"blocked_channels": "ENABLE_ALL", "plain_layout": "ENABLE_EXTENDED"}  # ONNX Runtime's names for its levels


def tactics(settings: Settings, integers: Sequence[str] = ("",)) -> list[dict[str, Any]]:
    """Return the tactics to try, the general one first. integers: the kernels for INT8, where the graph has any."""
    found = [
        {"name": "_".join(filter(None, (layout, kernel))), "level": level, "threads": 0, "integers": kernel}
        for kernel in integers
        for layout, level in LAYOUTS.items()
    ]
    if (settings.threads or cores()) > 1:
        found.append(found[0] | {"name": f"{found[0]['name']}_one_thread", "threads": 1})
    if settings.threads == 1:
        found = [tactic | {"threads": 1} for tactic in found]
    most = settings.max_num_tactics
    return found[:most] if most > 0 else found if settings.optimization_level > 0 else found[:1]


def prepared(graph: bytes, tactic: Mapping[str, Any]) -> bytes:
    """Return the graph as the tactic has it run on this machine, which need not be the one that built the engine."""
    kernel = tactic.get("integers", "")
    if not kernel:
        return graph
    return with_integer_kernels(graph, kernel if exact(kernel) else kernels()[-1])


@dataclass
class Candidate:
    """A tactic, what it took at each profile's best shapes (seconds, None: not known yet), and where that is from."""

    tactic: dict[str, Any]
    keys: list[str]
    seconds: list[float | None]
    cached: list[bool]

    @property
    def total(self) -> float:
        """Return the time of one run of each profile."""
        return sum(seconds or 0.0 for seconds in self.seconds)


def choose(graph: bytes, shapes: Sequence[Shapes], settings: Settings, timing_cache: Cache, log: Log) -> dict[str, Any]:
    """Return the tactic that is quickest over all of these input shapes; times that the cache has are not measured.

    Raises Failure where the settings ask for known times only and one is not known, or a node cannot be run at all.
    """
    integers = kernels() if has_integers(graph) else [""]
    candidates = [_candidate(graph, shapes, tactic, timing_cache) for tactic in tactics(settings, integers)]
    if len(candidates) == 1:
        _open(graph, candidates)
        log(Severity.VERBOSE, f"There is one tactic to choose from: {candidates[0].tactic['name']}, so none is timed.")
        return candidates[0].tactic
    missing = [each for each in candidates if None in each.seconds]
    if missing and settings.error_on_timing_cache_miss:
        text = f"the timing cache has no entry for {missing[0].keys[0]}, and ERROR_ON_TIMING_CACHE_MISS is set"
        raise Failure("IBuilder::buildSerializedNetwork", 4, text)
    sessions = _open(graph, missing)
    try:
        _time(sessions, missing, shapes)
    except Exception as error:  # an input whose values decide shapes: none that we invent may fit
        log(Severity.VERBOSE, f"No tactic could be timed with invented inputs ({type(error).__name__}).")
        return candidates[0].tactic
    for place, best in enumerate(shapes):
        _report(place, best, candidates, settings, log)
    for each in candidates:
        for key, seconds in zip(each.keys, each.seconds, strict=True):
            timing_cache[key] = (each.tactic["number"], 1e3 * (seconds or 0.0))
    first, second = sorted(candidates, key=lambda each: each.total)[:2]
    at = "" if len(shapes) == 1 else f" over the {len(shapes)} profiles"
    why = f"{second.total / max(first.total, 1e-9):.2f} times as quick as {second.tactic['name']}{at}"
    name, number = first.tactic["name"], first.tactic["number"]
    log(Severity.INFO, f"Fastest Tactic: {name} (0x{number:016x}) Time: {1e3 * first.total:.6g} ms, {why}.")
    return first.tactic


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _candidate(graph: bytes, shapes: Sequence[Shapes], tactic: dict[str, Any], cache: Cache) -> Candidate:
    here = f"{_structure(graph)} {tactic['name']} threads={tactic['threads'] or cores()} ort={onnxruntime.__version__}"
    keys = [f"{here} {' '.join(f'{name}={shape}' for name, shape in sorted(each.items()))}" for each in shapes]
    number = int.from_bytes(hashlib.sha256(here.encode()).digest()[:8], "big")
    known = [cache.get(key) for key in keys]
    seconds = [None if each is None else each[1] / 1e3 for each in known]
    return Candidate(tactic | {"number": number}, keys, seconds, [each is not None for each in known])


_LAST: list[tuple[bytes, str]] = []  # the graph that was hashed last: a build asks for it once per tactic


def _structure(graph: bytes) -> str:
    """Return a hash of the graph without the values of its weights."""
    if not _LAST or _LAST[0][0] is not graph:
        model = onnx.load_model_from_string(graph)
        for tensor in model.graph.initializer:
            if len(tensor.raw_data) > SMALL:
                tensor.raw_data = b""
        _LAST[:] = [(graph, hashlib.sha256(model.SerializeToString(deterministic=True)).hexdigest()[:16])]
    return _LAST[0][1]


def _open(graph: bytes, candidates: list[Candidate]) -> list[Any]:
    """Return a session for each candidate. Raises Failure where a node has no kernel on this CPU."""
    try:
        return [open_session(prepared(graph, each.tactic), each.tactic) for each in candidates]
    except Exception as error:  # onnxruntime's own errors have no common base
        why = " ".join(str(error).split("] : ")[-1].split())
        text = f"Could not find any implementation for the network on this CPU. {why}"
        raise Failure("IBuilder::buildSerializedNetwork", 10, text) from None


def _time(sessions: list[Any], candidates: list[Candidate], shapes: Sequence[Shapes]) -> None:
    """Time what is not known: the shortest of several runs, the candidates in turn, so that noise falls on all."""
    for place, best in enumerate(shapes):
        runs = []
        for session, each in zip(sessions, candidates, strict=True):
            if each.seconds[place] is None:
                inputs = random_inputs(session, best, np.random.default_rng(0))
                runs.append((each, session, bind(session, inputs, {}), inputs))
        for _, session, binding, _ in runs:
            for _ in range(WARM_UP):
                session.run_with_iobinding(binding)
        end = time.perf_counter() + BUDGET_SECONDS * len(runs)
        for _ in range(RUNS):
            for each, session, binding, _ in runs:
                start = time.perf_counter()
                session.run_with_iobinding(binding)
                took = time.perf_counter() - start
                each.seconds[place] = min(took, each.seconds[place] or float("inf"))
            if time.perf_counter() > end:
                break


def _report(place: int, shapes: Shapes, candidates: list[Candidate], settings: Settings, log: Log) -> None:
    at = ", ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in shapes.items())
    log(Severity.VERBOSE, f"--------------- Timing Runner: whole graph, profile {place}{f' at {at}' if at else ''}")
    for each in candidates:
        seconds, source = each.seconds[place] or 0.0, " (from the timing cache)" if each.cached[place] else ""
        name, number = each.tactic["name"], each.tactic["number"]
        log(Severity.VERBOSE, f"Tactic Name: {name} Tactic: 0x{number:016x} Time: {1e3 * seconds:.6g}{source}")
        if settings.editable_timing_cache:
            log(Severity.VERBOSE, f"Timing cache key: {each.keys[place]}")
