"""The rungs of copy, transpose, reduction and matmul, timed by CUDA events. measure.py calls it; needs CuPy, torch."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from results import Results

FOLDER = Path(__file__).parent
SIDE = 16384  # 1 GiB of float32: many times any L2
TILES = [(128, 128, 8, 8, 8), (128, 128, 16, 8, 8), (64, 64, 16, 4, 4), (128, 64, 16, 8, 4), (128, 256, 8, 8, 16)]
WARM_UP, SAMPLES = 5, 31


def timed(launch: Callable[[], Any], work: float, unit: str) -> dict[str, Any]:
    """Return raw milliseconds, their median and work per second; `work` is bytes or floating-point operations."""
    import torch

    for _ in range(WARM_UP):
        launch()
    samples = []
    for _ in range(SAMPLES):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        launch()
        end.record()
        end.synchronize()
        samples.append(begin.elapsed_time(end))
    median = statistics.median(samples)
    return {"milliseconds": samples, "median": median, "rate": work / median * 1e3, "unit": unit}


def ladders(results: Results, dry_run: bool) -> None:
    """Time every rung and check each result; a wrong result is an error, not a time."""
    if dry_run:
        for name in ("bandwidth.cu", "matmul.cu"):
            results.add(name, lambda name=name: {"characters": len((FOLDER / name).read_text())})
        return
    import cupy
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")
    x, y = torch.rand(SIDE, SIDE, device="cuda"), torch.empty(SIDE, SIDE, device="cuda")
    n = x.numel()
    module = cupy.RawModule(code=(FOLDER / "bandwidth.cu").read_text())
    stream = cupy.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream)

    def rung(kernel: str, out: Any, grid: tuple[int, ...], block: tuple[int, ...], sizes: tuple[int, ...],
             right: Callable[[], bool], moved: float) -> dict[str, Any]:  # fmt: skip
        function = module.get_function(kernel)
        arguments = (*(cupy.from_dlpack(t) for t in (out, x)), *map(cupy.int32, sizes))

        def launch() -> None:
            with stream:
                function(grid, block, arguments)

        out.zero_()
        launch()
        torch.cuda.synchronize()
        if not right():
            raise ValueError(f"{kernel} computed a wrong result.")
        return timed(launch, moved, "B/s")

    side = SIDE
    results.add("copy: torch", lambda: timed(lambda: y.copy_(x), 8 * n, "B/s"))
    total = torch.zeros(1, device="cuda")
    exact = x.double().sum().item()
    near = lambda: abs(total.item() / exact - 1) < 1e-3  # noqa: E731
    plan: list[tuple[Any, ...]] = [
        ("copy_scalar", y, (n // 256,), (256,), (n,), lambda: torch.equal(x, y), 8 * n),
        ("copy_float4", y, (n // 4096,), (256,), (n // 4,), lambda: torch.equal(x, y), 8 * n),
        ("transpose_naive", y, (side // 32,) * 2, (32, 8), (side, side), lambda: torch.equal(x.T, y), 8 * n),
        ("transpose_tiled", y, (side // 32,) * 2, (32, 8), (side, side), lambda: torch.equal(x.T, y), 8 * n),
        ("transpose_float4", y, (side // 64,) * 2, (16, 16), (side, side), lambda: torch.equal(x.T, y), 8 * n),
        ("reduce_float4", total, (132 * 8,), (256,), (n // 4,), near, 4 * n),
    ]
    for row in plan:
        results.add(row[0], lambda row=row: rung(*row))
    size = 4096
    a, b, c = (torch.rand(size, size, device="cuda") for _ in range(3))
    work = 2.0 * size**3
    results.add("matmul: cuBLAS", lambda: timed(lambda: torch.mm(a, b, out=c), work, "FLOP/s"))
    expected = a.double() @ b.double()
    for tile in TILES:
        results.add(f"matmul: {tile}", lambda tile=tile: _matmul(tile, a, b, c, expected, stream, work))


def _matmul(tile: tuple[int, ...], a: Any, b: Any, c: Any, expected: Any, stream: Any, work: float) -> dict[str, Any]:
    import cupy

    bm, bn, _, tm, tn = tile
    options = tuple(f"-D{name}={value}" for name, value in zip(("BM", "BN", "BK", "TM", "TN"), tile, strict=True))
    function = cupy.RawModule(code=(FOLDER / "matmul.cu").read_text(), options=options).get_function("matmul")
    size = a.shape[0]
    arguments = (*(cupy.from_dlpack(t) for t in (c, a, b)), *(cupy.int32(size),) * 3)

    def launch() -> None:
        with stream:
            function((size // bn, size // bm), (bm // tm * (bn // tn),), arguments)

    c.zero_()
    launch()
    error = ((c.double() - expected).norm() / expected.norm()).item()
    if not error < 1e-5:
        raise ValueError(f"matmul {tile}: relative error {error}.")
    return timed(launch, work, "FLOP/s") | {"error_norm": error}
