"""The checks of lab 08: right, free of races, and within a budget of sectors, conflicts or bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from coursekit.checks import Lab, Wrong, expect_close
from coursekit.labs.kernel_checks import expect_at_most, kernel_source, run
from coursekit.student import Student

LAB = Lab("08", "lab_08_memory", "Memory")
COALESCED = "Neighbouring threads (threadIdx.x) should touch neighbouring addresses: let threadIdx.x count along a row."
GUARD = "The last blocks reach beyond the matrix: which threads have no element?"
BARRIER = "Between the writes to shared memory and the reads by other threads the whole block has to wait."


def _blocks(size: int, block: int) -> int:
    return max(1, -(-size // block))


def _matrix(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.uniform(0.5, 2, shape).astype(np.float32)


@LAB.task("8.1", "A copy that wastes nothing", points=3, minutes=10, difficulty=2, importance=5, names=("COPY",))
def check_copy(student: Student, rng: np.random.Generator) -> None:
    source = kernel_source(student, "COPY", "copy")

    def copied(rows: int, columns: int) -> Any:
        matrix, out = _matrix(rng, rows, columns), np.zeros((rows, columns), np.float32)
        grid = (_blocks(columns, 32), _blocks(rows, 8))
        sizes = np.int32(rows), np.int32(columns)
        hints = {"out-of-bounds": GUARD, "race": "Two threads write the same element: row y begins at y * columns."}
        report = run(student, source, "copy", out, matrix, *sizes, grid=grid, block=(32, 8), hints=hints)
        missing = int((out == 0).sum())
        hint = "A block has 32 columns and 8 rows. x is compared with columns, y with rows: each with its own limit."
        what = f"Your copy of a {rows} × {columns} matrix"
        if missing:
            raise Wrong(f"{what} leaves {missing} of {matrix.size} elements unwritten", hint)
        expect_close(out, matrix, what, hint)
        return report

    report = copied(64, 96)
    for side in ("load", "store"):
        expect_at_most(report, f"{side}_sectors_per_request", 4, f"Your copy's sectors per {side} request", COALESCED)
    sizes = [(96, 96), (1, 1), (1, 77), (77, 1), tuple(rng.integers(33, 90, 2).tolist())]
    for rows, columns in sizes:
        copied(rows, columns)


@LAB.task("8.2", "Transpose without a conflict", points=4, minutes=18, difficulty=3, importance=5, names=("TRANSPOSE",))
def check_transpose(student: Student, rng: np.random.Generator) -> None:
    source = kernel_source(student, "TRANSPOSE", "transpose")
    hints = {
        "out-of-bounds": f"{GUARD} After the turn, rows and columns have changed places. In the "
        "tile only threadIdx counts.",
        "race": BARRIER,
    }

    def transposed(rows: int, columns: int) -> Any:
        matrix, out = _matrix(rng, rows, columns), np.zeros((columns, rows), np.float32)
        matrix += np.linspace(0, 4, columns, dtype=np.float32)  # a picture shows which way it lies
        grid = (_blocks(columns, 32), _blocks(rows, 32))
        sizes = np.int32(rows), np.int32(columns)
        report = run(student, source, "transpose", out, matrix, *sizes, grid=grid, block=(32, 32), hints=hints)
        what = f"Your transpose of a {rows} × {columns} matrix"
        hint = "out has `columns` rows of length `rows`; block (x, y)'s tile belongs at block (y, x) of the result."
        if np.array_equal(out.ravel(), matrix.ravel()):
            hint = "That is a copy: nothing was turned round."
        elif not out.all():
            hint = (
                "Some elements were never written: are the limits of the second half those of the turned matrix? And a "
                "thread with nothing to read may have something to write: no early return."
            )
        elif rows == columns and rows % 32 == 0 and np.array_equal(_tilewise(out), matrix.T):
            hint = "Each tile is turned, but tiles stay where they were: exchange blockIdx.x and blockIdx.y as well."
        elif rows == columns and rows % 32 == 0 and np.array_equal(_tilewise(out), matrix):
            hint = "The tiles are where they belong, but none is turned: it is read the way round that it was written."
        expect_close(out, matrix.T.copy(), what, hint)
        return report

    report = transposed(96, 96)
    for side in ("load", "store"):
        hint = f"{COALESCED} For both sides at once, the turn has to happen in shared memory."
        expect_at_most(report, f"{side}_sectors_per_request", 4, f"Your transpose's sectors per {side} request", hint)
    hint = "A column of a 32-wide tile lies in one bank. What if a row were one float longer?"
    expect_at_most(report, "bank_conflicts", 0, "Your transpose's bank conflicts", hint)
    for rows, columns in ((32, 64), (1, 50), (50, 1), (1, 1), tuple(rng.integers(33, 90, 2).tolist())):
        transposed(rows, columns)


def _tilewise(matrix: np.ndarray) -> np.ndarray:
    """Exchange the 32 × 32 tiles of a square matrix across its diagonal, leaving each as it is."""
    tiles = matrix.shape[0] // 32
    return matrix.reshape(tiles, 32, tiles, 32).transpose(2, 1, 0, 3).reshape(matrix.shape)


@LAB.task("8.3", "Sixteen bytes at once", points=3, minutes=10, difficulty=2, importance=4, names=("PLANES",))
def check_planes(student: Student, rng: np.random.Generator) -> None:
    source = kernel_source(student, "PLANES", "planes")

    def planes(pixels: int) -> Any:
        image, out = _matrix(rng, pixels, 4), np.zeros((4, pixels), np.float32)
        where: dict[str, Any] = {"grid": _blocks(pixels, 128), "block": 128}
        hints = {
            "out-of-bounds": "There are `pixels` pixels: which threads have none? An element of `in` is a whole "
            "pixel, a float4."
        }
        report = run(student, source, "planes", out, image, np.int32(pixels), **where, hints=hints)
        what = f"Your planes of {pixels} pixel{'s' * (pixels > 1)}"
        hint = "Plane c begins at c × pixels, whatever pixels is; x, y, z, w are red, green, blue, alpha."
        if np.array_equal(out.ravel(), image.ravel()):
            hint = "That is a copy: the pixels are still side by side."
        expect_close(out, image.T.copy(), what, hint)
        return report

    report = planes(256)
    total = report.profile.total
    if total.global_load_requests > 8:
        what = f"256 pixels are 8 warps, and your kernel makes {total.global_load_requests} load requests"
        raise Wrong(what, "Load the pixel once, into a float4 of your own: `float4 pixel = in[i];`")
    expect_at_most(report, "store_sectors_per_request", 4, "Your planes' sectors per store request", COALESCED)
    for pixels in (1, 129, int(rng.integers(130, 300))):
        planes(pixels)


@LAB.task(
    "8.4", "A neighbourhood in shared memory", points=4, minutes=18, difficulty=3, importance=4, names=("MOVING_SUM",)
)
def check_moving_sum(student: Student, rng: np.random.Generator) -> None:
    source = kernel_source(student, "MOVING_SUM", "moving_sum")
    hints = {
        "out-of-bounds": "At both ends of the array, and of the block's shared array, some neighbours do not exist; "
        "and the last block has threads without an element.",
        "race": BARRIER,
        "uninitialized": "Every element of the shared array that is read has to be written first, also the zeros, "
        "and by all threads: no early return.",
    }

    def summed(n: int) -> Any:
        values, out = _matrix(rng, n), np.zeros(n, np.float32)
        where: dict[str, Any] = {"grid": _blocks(n, 128), "block": 128}
        report = run(student, source, "moving_sum", out, values, np.int32(n), **where, hints=hints)
        padded = np.pad(values.astype(np.float64), 8)
        windows = np.lib.stride_tricks.sliding_window_view(padded, 17)
        hint = "out[i] is the sum of 17 numbers, from in[i - 8] to in[i + 8], both included."
        right = windows.sum(1)
        if np.allclose(out, windows[:, :16].sum(1), rtol=1e-4):
            hint = "One neighbour is missing on the right: i + 8 is included."
        elif np.allclose(out[8:120], right[8:120], rtol=1e-4) and n > 256:
            hint = "Right in the middle of a block, wrong at its edges: that is the halo."
        expect_close(out, right.astype(np.float32), f"Your moving sum of {n} numbers", hint)
        return report

    report = summed(512)
    loads = report.profile.total.global_bytes_read / 4 / 512
    if loads > 1.25:
        what = f"Your moving sum loads each element {loads:.2f} times from global memory; at most 1.25 is asked for"
        raise Wrong(what, "Fetch the block's elements and its halo into shared memory once, and sum there.")
    for n in (1, 5, 128, 130, int(rng.integers(257, 500))):
        summed(n)


@LAB.task("8.5", "A product within a budget", points=4, minutes=20, difficulty=4, importance=5, names=("PRODUCT",))
def check_product(student: Student, rng: np.random.Generator) -> None:
    source = kernel_source(student, "PRODUCT", "product")
    hints = {
        "out-of-bounds": "Sizes need not be multiples of 16: guard each load by its own two limits. A's rows have "
        "length k, B's and C's n.",
        "race": "A tile is written, waited for, used, and waited for again before the next one overwrites it.",
        "uninitialized": "What lies outside the matrices has to be written into the tile as 0, also by threads without "
        "an element of C: no early return.",
        "divergent-barrier": "Threads without an element of C still fetch, and wait, for the others: no early return.",
    }

    def multiplied(m: int, k: int, n: int) -> Any:
        a, b, out = _matrix(rng, m, k), _matrix(rng, k, n), np.zeros((m, n), np.float32)
        where: dict[str, Any] = {"grid": (_blocks(n, 16), _blocks(m, 16)), "block": (16, 16)}
        sizes = np.int32(m), np.int32(k), np.int32(n)
        report = run(student, source, "product", out, a, b, *sizes, **where, hints=hints)
        hint = "C[row][column] is the sum over i of A[row][i] · B[i][column]; A's rows have length k, B's and C's n."
        right = a.astype(np.float64) @ b.astype(np.float64)
        whole = k // 16 * 16
        if k % 16 and np.allclose(out, a[:, :whole] @ b[:whole], rtol=1e-3):
            hint = "The last, incomplete tile along k is missing: round the number of tiles up."
        expect_close(out, right.astype(np.float32), f"Your product of {m} × {k} and {k} × {n}", hint, rtol=1e-3)
        return report

    total = multiplied(64, 64, 64).profile.total
    rate = total.dram_bytes / (2 * 64**3)
    if rate > 0.35:
        what = f"Your product moves {rate:.2f} bytes for each FLOP; at most 0.35 is asked for"
        hint = "A block should fetch each number of A and B once, into a tile that all its threads use."
        if total.global_store_requests > 64 * 64 / 32:
            hint = "C is written again and again: add up in a variable of the thread, and write it once, at the end."
        elif total.global_load_requests <= 2 * 64**3 / 16 / 32:
            hint = f"Each number is fetched once, but a request touches too many sectors. {COALESCED}"
        raise Wrong(what, hint)
    for m, k, n in ((1, 1, 1), (17, 1, 33), (16, 20, 16), tuple(rng.integers(18, 50, 3).tolist())):
        multiplied(m, k, n)
