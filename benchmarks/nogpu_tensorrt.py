"""Times engines of nogpu.tensorrt against ONNX Runtime with all its optimisations, and builds with and without a cache.

    python benchmarks/nogpu_tensorrt.py                all rows, some three minutes on two cores
    python benchmarks/nogpu_tensorrt.py --quick        ResNet-18 in the place of ResNet-50
    python benchmarks/nogpu_tensorrt.py --json FILE    writes the rows as JSON, too

What is compared runs in turn, round by round, in one process; figures are medians of at least 15 rounds, ratios are of
medians. Ratios are what counts: another machine has other times. TF32 is off in FP32 engines, as it is in ONNX Runtime.
The networks have random weights.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from rich.console import Console
from rich.table import Table

import coursekit  # noqa: F401  (before torchvision, beside a CPU build of torch)
import nogpu.tensorrt as trt
from coursekit.models import DigitNet
from coursekit.precision import to_half, to_int8

ROUNDS, SECONDS = 15, 4.0  # each variant: at least so many runs, and for at least so long
PAUSE = 0.003  # before each run, so that the other's threads have gone to sleep
LOGGER = trt.Logger(trt.Logger.ERROR)


@dataclass(frozen=True)
class Row:
    """One line of the report. `value` is what `wanted` speaks of; `met` is None where nothing is wanted."""

    what: str
    measured: str
    value: float
    wanted: str
    met: bool | None


def in_turn(variants: dict[str, Callable[[], object]], rounds: int = ROUNDS, runs: int = 1) -> dict[str, float]:
    """Return each variant's median time of a run in seconds; they take turns. `runs`: how often in a row each time."""
    times: dict[str, list[float]] = {name: [] for name in variants}
    for run in variants.values():
        run()
        run()
    end = time.perf_counter() + SECONDS * len(variants)
    while min(map(len, times.values())) < rounds or time.perf_counter() < end:
        for name, run in variants.items():
            time.sleep(PAUSE)
            start = time.perf_counter()
            for _ in range(runs):
                run()
            times[name].append((time.perf_counter() - start) / runs)
    return {name: statistics.median(each) for name, each in times.items()}


def exported(network: torch.nn.Module, *shape: int) -> bytes:
    """Return the network's ONNX file for inputs of exactly this shape."""
    kept = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        example = (torch.zeros(shape),)
        torch.onnx.export(network.eval(), example, kept, dynamo=False, input_names=["x"], output_names=["y"])
    return kept.getvalue()


def residual(name: str, batch: int) -> bytes:
    """Return the file of a ResNet with random weights."""
    from torchvision import models

    torch.manual_seed(0)
    return exported(models.get_model_builder(name)(weights=None), batch, 3, 224, 224)


def built(model: bytes, cache: bytes | None = None, tf32: bool = False) -> tuple[Any, float, bytes]:
    """Build an engine; return it, the seconds from the file's bytes to the plan, and the timing cache."""
    start = time.perf_counter()
    builder = trt.Builder(LOGGER)
    network = builder.create_network(0)
    if not trt.OnnxParser(network, LOGGER).parse(model):
        raise SystemExit("the parser refused the model")
    config = builder.create_builder_config()
    if not tf32:
        config.clear_flag(trt.BuilderFlag.TF32)
    config.set_timing_cache(config.create_timing_cache(cache or b""), ignore_mismatch=False)
    plan = builder.build_serialized_network(network, config)
    seconds = time.perf_counter() - start
    engine = trt.Runtime(LOGGER).deserialize_cuda_engine(plan)
    return engine, seconds, bytes(config.get_timing_cache().serialize())


def run_of_engine(engine: Any, x: np.ndarray) -> Callable[[], object]:
    """Return one synchronous run of the engine on memory of the host."""
    context = engine.create_execution_context()
    y = np.zeros(tuple(engine.get_tensor_shape("y")), np.float32)
    memory = [x.ctypes.data, y.ctypes.data]
    keep = (x, y)

    def run() -> object:
        assert keep
        return context.execute_v2(memory)

    return run


def run_in_stream(engine: Any, x: np.ndarray) -> Callable[[], object]:
    """Return one asynchronous run in a stream of PyCUDA's, and the wait for it."""
    import pycuda.autoprimaryctx  # noqa: F401
    import pycuda.driver as cuda

    context, stream = engine.create_execution_context(), cuda.Stream()
    y = np.zeros(tuple(engine.get_tensor_shape("y")), np.float32)
    memory = {"x": cuda.to_device(x), "y": cuda.mem_alloc(y.nbytes)}
    for name, address in memory.items():
        context.set_tensor_address(name, int(address))

    def run() -> object:
        assert memory
        context.execute_async_v3(stream.handle)
        return stream.synchronize()

    return run


def run_of_onnxruntime(model: bytes, x: np.ndarray, threads: int = 0) -> Callable[[], object]:
    """Return one run of ONNX Runtime with all optimisations, bound to memory as the engine is."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    binding, y = session.io_binding(), np.zeros(session.get_outputs()[0].shape, np.float32)
    binding.bind_input("x", "cpu", 0, np.float32, x.shape, x.ctypes.data)
    binding.bind_output("y", "cpu", 0, np.float32, y.shape, y.ctypes.data)
    keep = (x, y)

    def run() -> object:
        assert keep
        return session.run_with_iobinding(binding)

    return run


def against_onnxruntime(name: str, batch: int) -> Row:
    """Time an FP32 engine against ONNX Runtime."""
    model, x = residual(name, batch), random(batch, 3, 224, 224)
    engine, _, _ = built(model)
    times = in_turn({"engine": run_of_engine(engine, x), "onnxruntime": run_of_onnxruntime(model, x)})
    ratio = times["engine"] / times["onnxruntime"]
    measured = f"{1e3 * times['engine']:.1f} against {1e3 * times['onnxruntime']:.1f} ms: {ratio:.2f}"
    return Row(f"{name}, batch {batch}: FP32 engine against ONNX Runtime", measured, ratio, "at most 1.1", ratio <= 1.1)


def builds(name: str) -> list[Row]:
    """Time a build, and a second one with the first one's timing cache."""
    model = residual(name, 1)
    _, first, cache = built(model)
    seconds = [built(model, cache)[1] for _ in range(3)]
    second = statistics.median(seconds)
    ratio = first / second
    return [
        Row(f"{name}: build, with parsing", f"{first:.1f} s", first, "less than 20 s", first < 20),
        Row(
            f"{name}: first build against one with its timing cache",
            f"{first:.2f} against {second:.2f} s: {ratio:.1f}",
            ratio,
            "at least 2",
            ratio >= 2,
        ),
    ]


def precisions(name: str) -> list[Row]:
    """Time FP16, INT8 and TF32 engines against the FP32 one, all in one run."""
    model, x = residual(name, 1), random(1, 3, 224, 224)
    forms = {
        "FP32": built(model)[0],
        "TF32": built(model, tf32=True)[0],
        "FP16": built(to_half(model).SerializeToString())[0],
        "INT8": built(to_int8(model, random(2, 3, 224, 224)).SerializeToString())[0],
    }
    times = in_turn({kind: run_of_engine(engine, x) for kind, engine in forms.items()})
    ratios = {kind: seconds / times["FP32"] for kind, seconds in times.items()}
    text = {kind: f"{1e3 * times[kind]:.1f} against {1e3 * times['FP32']:.1f} ms: {ratios[kind]:.2f}" for kind in forms}
    vnni = has_vnni()
    what = "INT8 against FP32 (this CPU has VNNI)" if vnni else "INT8 against FP32 (this CPU has no VNNI)"
    wanted, met = ("less than 1", ratios["INT8"] < 1) if vnni else ("", None)
    return [
        Row(f"{name}, batch 1: FP16 against FP32", text["FP16"], ratios["FP16"], "at most 1.5", ratios["FP16"] <= 1.5),
        Row(f"{name}, batch 1: {what}", text["INT8"], ratios["INT8"], wanted, met),
        Row(f"{name}, batch 1: TF32 against FP32", text["TF32"], ratios["TF32"], "", None),
    ]


def overheads() -> list[Row]:
    """Time what a run of DigitNet costs beyond ONNX Runtime's own, which is the quicker of two of its sessions."""
    torch.manual_seed(0)
    model, x = exported(DigitNet(), 1, 1, 8, 8), random(1, 1, 8, 8)
    engine, _, _ = built(model)
    variants = {
        "execute_v2": run_of_engine(engine, x),
        "all threads": run_of_onnxruntime(model, x),
        "one thread": run_of_onnxruntime(model, x, threads=1),
    }
    here = in_turn(variants, runs=100)
    own = min(here["all threads"], here["one thread"])
    ways = {"execute_v2": here["execute_v2"] - own}
    try:
        stream = run_in_stream(engine, x)
    except ImportError:
        pass
    else:  # measured apart: from the first stream on, execute_v2 goes through the stand-in's default stream
        there = in_turn({**variants, "stream": stream}, runs=100)
        own = min(there["all threads"], there["one thread"])
        ways["execute_v2, after a first stream"] = there["execute_v2"] - own
        ways["execute_async_v3 and synchronize"] = there["stream"] - own
    return [
        Row(
            f"DigitNet: {way}, beyond ONNX Runtime",
            f"{1e6 * seconds:.0f} µs beyond {1e6 * own:.0f} µs",
            1e6 * seconds,
            "less than 60 µs",
            1e6 * seconds < 60,
        )
        for way, seconds in ways.items()
    ]


def random(*shape: int) -> np.ndarray:
    """Return random numbers (float32)."""
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def has_vnni() -> bool:
    """Say whether this CPU multiplies 8-bit integers four at a time."""
    try:
        return "vnni" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="ResNet-18 in the place of ResNet-50")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as JSON, too")
    given = parser.parse_args()
    names = ("resnet18",) if given.quick else ("resnet18", "resnet50")
    console = Console()
    rows: list[Row] = []
    parts: list[tuple[str, Callable[[], list[Row]]]] = [("overheads", overheads)]
    parts += [
        (f"{name}, batch {batch}", lambda name=name, batch=batch: [against_onnxruntime(name, batch)])  # type: ignore[misc]
        for name in names
        for batch in (1, 8)
    ]
    parts += [("builds", lambda: builds(names[-1])), ("precisions", lambda: precisions(names[-1]))]
    with console.status("") as status:
        for what, part in parts:
            status.update(f"measuring: {what}")
            rows += part()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    title = f"nogpu.tensorrt on {os.cpu_count()} cores, ONNX Runtime {onnxruntime.__version__}, load {load:.1f}"
    table = Table(title=title)
    for head in ("", "measured", "wanted", "met"):
        table.add_column(head)
    for row in rows:
        table.add_row(row.what, row.measured, row.wanted, {True: "yes", False: "no", None: ""}[row.met])
    console.print(table)
    if given.json:
        given.json.write_text(json.dumps({"title": title, "rows": [asdict(row) for row in rows]}, indent=2) + "\n")


if __name__ == "__main__":
    main()
