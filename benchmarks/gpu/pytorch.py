"""Six ways to run a network in PyTorch, over batch sizes: DigitNet, ResNet-18, ResNet-50. Used by measure.py.

Eager float32 with TF32 off is what the others are compared with. Every way's output is compared with eager's, in
relative Euclidean norm: a fast wrong answer is an error.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from results import Results
from torch import Tensor, nn

BATCHES = {"DigitNet": (1, 16, 256, 4096, 65536), "ResNet-18": (1, 8, 64, 256), "ResNet-50": (1, 8, 64, 256)}
COMPILED = {"DigitNet": (1, 4096), "ResNet-18": (1, 64), "ResNet-50": (1, 64)}  # each takes up to half a minute
WAYS = ("eager", "FP16 autocast", "BF16 autocast", "channels_last", "BF16, channels_last", "CUDA graph", "compiled",
        "compiled, BF16, channels_last")  # fmt: skip
TOLERANCE = {"FP16": 0.02, "BF16": 0.1, "": 0.005}  # mantissas of 10 and 7 bits through up to 50 layers; else float32
WARM_UP, SAMPLES, LEAST, SECONDS = 5, 51, 11, 1.0


def pytorch(results: Results, dry_run: bool) -> None:
    """Time each network in each way at each batch size; a dry run does it on the CPU, small."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    torch.manual_seed(0)
    for name, batches in BATCHES.items():
        if not results.wants(f"{name}: "):
            continue
        model, image = network(name)
        model = model.eval().to(device(dry_run))
        for batch in batches[:1] if dry_run else batches:
            images = torch.rand(batch, *image, device=device(dry_run))
            with torch.inference_mode():
                expected = model(images)
            for way in WAYS:
                if way.startswith("compiled") and (batch not in COMPILED[name] or (dry_run and name != "DigitNet")):
                    continue
                if dry_run and way == "CUDA graph":
                    continue
                key = f"{name}: {way}, batch {batch}"
                said = {"network": name, "way": way, "batch": batch}
                results.add(key, lambda m=model, x=images, e=expected, w=way, s=said: s | _measured(m, x, e, w))


def device(dry_run: bool) -> str:
    """Return where the networks run."""
    return "cpu" if dry_run else "cuda"


def network(name: str) -> tuple[nn.Module, tuple[int, int, int]]:
    """Return a network with random weights, on which the time does not depend, and the shape of its input image."""
    from coursekit.models import DigitNet  # coursekit first: it lets torchvision's wheel run beside a CPU torch

    if name == "DigitNet":
        return DigitNet(), (1, 8, 8)
    from torchvision import models

    model = getattr(models, name.lower().replace("-", ""))(weights=None)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model.train()(torch.rand(4, 3, 64, 64))  # statistics as of a trained network: nothing grows from layer to layer
    return model, (3, 224, 224)


def _measured(model: nn.Module, images: Tensor, expected: Tensor, way: str) -> dict[str, Any]:
    begin = time.perf_counter()
    run = prepared(model, images, way)
    output = run()
    ready = time.perf_counter() - begin
    error = ((output.float() - expected).norm() / expected.norm()).item()
    limit = next(value for word, value in TOLERANCE.items() if word in way)
    if not error < limit:
        raise ValueError(f"{way}: relative error {error}; at most {limit} was expected.")
    samples = timed(run, images.device.type)
    median = statistics.median(samples)
    return {"milliseconds": samples, "median": median, "rate": len(images) / median * 1e3, "unit": "images/s",
            "first_call_seconds": ready, "relative_error": error}  # fmt: skip


def prepared(model: nn.Module, images: Tensor, way: str) -> Callable[[], Tensor]:
    """Return a function that runs the network on the images in this way. Sets the layout of the model's weights."""
    kind = images.device.type
    layout = torch.channels_last if "channels_last" in way else torch.contiguous_format
    model = model.to(memory_format=layout)  # type: ignore[call-overload]
    images = images.contiguous(memory_format=layout)
    half = torch.float16 if "FP16" in way else torch.bfloat16 if "BF16" in way else None
    torch.compiler.reset()
    network = torch.compile(model, dynamic=False) if way.startswith("compiled") else model

    def run() -> Tensor:
        # The cache of cast weights lives inside one autocast region: here that is one call, as in a loop over batches.
        with torch.inference_mode(), torch.autocast(kind, dtype=half, enabled=half is not None):
            return network(images)

    return captured(run) if way == "CUDA graph" else run


def captured(run: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """Return a function that replays what `run` launches, recorded once as a CUDA graph."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = run()

    def replay() -> Tensor:
        graph.replay()
        return output

    return replay


def timed(run: Callable[[], Tensor], kind: str) -> list[float]:
    """Return raw milliseconds of single calls, by CUDA events; by the clock on a CPU."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warm_up, least = (WARM_UP, LEAST) if kind == "cuda" else (1, 2)
        for _ in range(warm_up):
            run()
        samples: list[float] = []
        end = time.perf_counter() + SECONDS
        while len(samples) < least or (len(samples) < SAMPLES and time.perf_counter() < end):
            samples.append(_once(run, kind))
    return samples


def _once(run: Callable[[], Tensor], kind: str) -> float:
    if kind == "cpu":
        begin = time.perf_counter()
        run()
        return (time.perf_counter() - begin) * 1e3
    torch.cuda.synchronize()
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    first.record()
    run()
    last.record()
    last.synchronize()
    return first.elapsed_time(last)
