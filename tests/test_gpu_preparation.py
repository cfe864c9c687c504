"""The kernels that benchmarks/gpu times on a GPU are right before one is lent: inspected here, compiled for sm_90."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nogpu

FOLDER = Path(__file__).parents[1] / "benchmarks" / "gpu"
MATMUL, BANDWIDTH = ((FOLDER / name).read_text() for name in ("matmul.cu", "bandwidth.cu"))
TILES = [(128, 128, 8, 8, 8), (128, 128, 16, 8, 8), (64, 64, 16, 4, 4), (128, 64, 16, 8, 4), (128, 256, 8, 8, 16)]
RANDOM = np.random.default_rng(12)


def clean(source: str, kernel: str, *arguments: Any, **launch: Any) -> None:
    report = nogpu.inspect(source, kernel, *arguments, **launch)
    assert not report.errors, str(report)


def defines(tile: tuple[int, ...]) -> list[str]:
    return [f"-D{name}={value}" for name, value in zip(("BM", "BN", "BK", "TM", "TN"), tile, strict=True)]


@pytest.mark.parametrize("tile", TILES, ids=str)
def test_matmul_equals_numpy_and_is_clean(tile: tuple[int, ...]) -> None:
    bm, bn, bk, tm, tn = tile
    m, n, k = bm, 2 * bn, 2 * bk
    a, b = RANDOM.random((m, k), np.float32), RANDOM.random((k, n), np.float32)
    c = np.full((m, n), np.nan, np.float32)
    sizes = [np.int32(size) for size in (m, n, k)]
    clean(MATMUL, "matmul", c, a, b, *sizes, block=(bm // tm * (bn // tn),), grid=(2, 1), options=defines(tile),
          seconds=60.0)  # fmt: skip
    np.testing.assert_allclose(c, a.astype(float) @ b, rtol=1e-5)


@pytest.mark.parametrize(("kernel", "width", "block"), [("copy_scalar", 1, 256), ("copy_float4", 4, 64)])
def test_copies(kernel: str, width: int, block: int) -> None:
    x, y = RANDOM.random(2000, np.float32), np.full(2000, np.nan, np.float32)
    clean(BANDWIDTH, kernel, y, x, np.int32(2000 // width), block=block, grid=8)
    assert (x == y).all()


@pytest.mark.parametrize(
    ("kernel", "block", "tile"),
    [("transpose_naive", (32, 8), 32), ("transpose_tiled", (32, 8), 32), ("transpose_float4", (16, 16), 64)],
)
def test_transposes(kernel: str, block: tuple[int, int], tile: int) -> None:
    x = RANDOM.random((64, 128), np.float32)
    y = np.full((128, 64), np.nan, np.float32)
    clean(BANDWIDTH, kernel, y, x, np.int32(64), np.int32(128), block=block, grid=(128 // tile, 64 // tile))
    assert (y == x.T).all()


@pytest.mark.parametrize(("kernel", "width", "grid"), [("reduce_atomic", 1, 20), ("reduce_float4", 4, 2)])
def test_reductions(kernel: str, width: int, grid: int) -> None:
    x, total = RANDOM.random(5000, np.float32), np.zeros(1, np.float32)
    clean(BANDWIDTH, kernel, total, x, np.int32(5000 // width), block=256, grid=grid)
    np.testing.assert_allclose(total[0], x.astype(float).sum(), rtol=1e-5)


@pytest.mark.parametrize("tile", TILES, ids=str)
def test_nvrtc_compiles_matmul_for_hopper_without_spills(tile: tuple[int, ...]) -> None:
    nvrtc = pytest.importorskip("nogpu.cuda.nvrtc")
    try:
        opinion = nvrtc.ask(MATMUL, defines(tile), "sm_90")
    except ImportError as missing:
        pytest.skip(str(missing))
    assert opinion.ok, opinion.log
    assert not any(kernel.spill_store_bytes for kernel in opinion.kernels), opinion.log


def test_nvrtc_compiles_the_bandwidth_rungs_for_hopper() -> None:
    nvrtc = pytest.importorskip("nogpu.cuda.nvrtc")
    try:
        opinion = nvrtc.ask(BANDWIDTH, [], "sm_90")
    except ImportError as missing:
        pytest.skip(str(missing))
    assert opinion.ok and len(opinion.kernels) == 7, opinion.log
