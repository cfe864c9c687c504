"""The checks of lab 09: kernels whose threads work together, free of races in every order of the threads."""

from __future__ import annotations

from typing import Any

import numpy as np

from coursekit.checks import Lab, Wrong, expect_close
from coursekit.labs.kernel_checks import kernel_source, run
from coursekit.student import Student

LAB = Lab("09", "lab_09_cooperation", "Cooperation")
BARRIER = (
    "Find the two accesses of the message. If one reads: a barrier has to stand between them, in every round of the "
    "loop. If both write: let one thread write, each block to a place of its own."
)
EVERYBODY = "All running threads of the block have to reach the same barrier: no barrier inside an `if` on threadIdx."


def _hints(**own: str) -> dict[str, str]:
    names = {"race": BARRIER, "divergent_barrier": EVERYBODY, **own}
    names.setdefault("bad_address", own.get("out_of_bounds", ""))
    return {name.replace("_", "-"): hint for name, hint in names.items()}


def _floats(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.uniform(0.5, 2, shape).astype(np.float32)


@LAB.task("9.1", "The sum of a block", points=3, minutes=12, difficulty=2, importance=5, names=("BLOCK_SUMS",))
def check_block_sums(student: Student, rng: np.random.Generator) -> None:
    source = kernel_source(student, "BLOCK_SUMS", "block_sums")
    hints = _hints(
        out_of_bounds="The last block may have fewer elements: a thread without one brings 0 into the sum. And there "
        "are 256 places, so that t + s has to stay below 256.",
        uninitialized="Every place of the shared array has to be written before the tree reads it; 0 where n ends.",
    )
    for n in (512, 1, 256, 257, int(rng.integers(300, 700))):
        blocks = -(-n // 256)
        values, out = _floats(rng, n), np.zeros(blocks, np.float32)
        report = run(student, source, "block_sums", out, values, np.int32(n), grid=blocks, block=256, hints=hints)
        right = np.pad(values.astype(np.float64), (0, blocks * 256 - n)).reshape(blocks, 256).sum(1)
        hint = "With s = 128, 64 … 1, thread t < s adds element t + s to element t; the sum ends in element 0."
        if np.isclose(out[0], right.sum()) and blocks > 1:
            hint = "out[b] is block b's own sum, not everybody's: each block writes its own place."
        expect_close(out, right.astype(np.float32), f"Your block sums of {n} numbers", hint)
        total = report.profile.total
        if total.atomics:
            raise Wrong(
                f"Your kernel makes {total.atomics} atomic operations", "The task asks for a tree, without atomics."
            )
        _expect_shared_work(report, 20)


def _expect_shared_work(report: Any, limit: int) -> None:
    """Raise Wrong where one line is executed by a warp far more often than a tree would: a lane works alone."""
    warps = max(1, -(-int(np.prod(report.block)) // 32)) * int(np.prod(report.grid))
    total = report.profile.total
    requests = (total.shared_load_requests + total.global_load_requests) / warps
    if requests > limit:
        what = f"Your kernel makes {requests:.0f} load requests for each warp; shared out they are fewer than {limit}"
        hint = "Somebody adds up many numbers alone: share the additions, a few rounds in which every thread adds one."
        raise Wrong(what, hint)


@LAB.task("9.2", "The sum of a row", points=3, minutes=10, difficulty=2, importance=4, names=("ROW_SUMS",))
def check_row_sums(student: Student, rng: np.random.Generator) -> None:
    source = kernel_source(student, "ROW_SUMS", "row_sums")
    hints = _hints(
        out_of_bounds="A row may be shorter than a warp: each lane's loop ends at `columns`.",
        missing_lane="All 32 lanes have to reach each shuffle, and its mask, 0xffffffff, has to name them; lanes "
        "without data bring 0.",
    )
    for columns in (64, 1, 20, 33, int(rng.integers(70, 200))):
        matrix, out = _floats(rng, 3, columns), np.zeros(3, np.float32)
        report = run(student, source, "row_sums", out, matrix, np.int32(columns), grid=3, block=32, hints=hints)
        right = matrix.sum(1, dtype=np.float64).astype(np.float32)
        hint = "Lane t adds elements t, t + 32, t + 64 …; then offsets 16, 8, 4, 2, 1; lane 0 has the sum."
        if columns > 32 and np.allclose(out, matrix[:, :32].sum(1), rtol=1e-4):
            hint = "That is the sum of the first 32 elements: each lane has to add every 32nd element first."
        elif np.allclose(out, matrix[:, ::32].sum(1), rtol=1e-4):
            hint = "That is lane 0's own part: the lanes' parts still have to be added by shuffles."
        elif np.allclose(out, right[0], rtol=1e-4):
            hint = "Every block has summed row 0: row r, the block's own, begins at r * columns."
        expect_close(out, right, f"Your sums of rows with {columns} columns", hint)
        total = report.profile.total
        if total.shared_load_requests or total.shared_store_requests or total.atomics:
            raise Wrong("Your kernel uses shared memory or atomics", "Registers and shuffles are enough here.")


@LAB.task(
    "9.3", "A histogram without the queue", points=3, minutes=14, difficulty=3, importance=4, names=("HISTOGRAM",)
)
def check_histogram(student: Student, rng: np.random.Generator) -> None:
    source = kernel_source(student, "HISTOGRAM", "histogram")
    hints = _hints(
        race="Counting is read, add, write: atomic in shared memory too, and so is adding to the global bins, which "
        "hold counts already. And the block waits twice: after clearing and before adding up.",
        uninitialized="Shared memory starts with anything in it: clear the block's bins first.",
        out_of_bounds="Compare every index with n, and remember that 128 threads share 32 bins.",
    )
    for n, equal in ((1000, False), (1, False), (100, True), (int(rng.integers(600, 900)), False)):
        values = np.full(n, 7, np.int32) if equal else rng.integers(0, 32, n).astype(np.int32)
        before = rng.integers(0, 9, 32).astype(np.int32)
        bins = before.copy()
        report = run(student, source, "histogram", bins, values, np.int32(n), grid=4, block=128, hints=hints)
        counts = np.bincount(values, minlength=32)
        hint = "Each value has to be counted once, and each block's bins added to the global ones once."
        if np.array_equal(bins, before + np.bincount(values[:512], minlength=32)) and n > 512:
            hint = "Only the first 512 values were counted: 4 × 128 threads, so each has to take every 512th value."
        elif np.array_equal(bins, before + 4 * counts) and counts.any():
            hint = "Every block has counted all values: start at the thread's number in the grid, not in the block."
        elif np.array_equal(bins, counts):
            hint = "What was in the bins before is lost: add to them."
        expect_close(bins, (before + counts).astype(np.int32), f"Your histogram of {n} values", hint)
        made = report.profile.total.global_atomics
        if made > 4 * 32:
            what = f"Your kernel makes {made} global atomics; 32 for each of 4 blocks are asked for"
            raise Wrong(what, "Count in shared memory, and add the block's 32 bins to the global ones at the end.")


@LAB.task("9.4", "Scan", points=4, minutes=18, difficulty=4, importance=3, names=("SCAN",))
def check_scan(student: Student, rng: np.random.Generator) -> None:
    source = kernel_source(student, "SCAN", "scan")
    hints = _hints(
        race="In each round all have to read before anybody writes, and to have written before the next round reads.",
        out_of_bounds="128 threads, n numbers: who has none? And who has no neighbour s places to the left?",
        uninitialized="All 128 places of the shared array are read: the ones beyond n have to be written too.",
    )
    for n in (128, 1, 2, 100, int(rng.integers(33, 127))):
        values = rng.integers(1, 50, n).astype(np.int32)
        got = values.copy()
        report = run(student, source, "scan", got, np.int32(n), grid=1, block=128, hints=hints)
        hint = "In rounds s = 1, 2, 4 … 64, add to each place what stood s places to the left before the round."
        if np.array_equal(got, values.cumsum() - values):
            hint = "That is the exclusive scan: x[i] itself belongs to its own sum."
        expect_close(got, values.cumsum().astype(np.int32), f"Your scan of {n} numbers", hint)
        _expect_shared_work(report, 40)


@LAB.task(
    "9.5", "A softmax that does not overflow", points=3, minutes=14, difficulty=3, importance=5, names=("SOFTMAX",)
)
def check_softmax(student: Student, rng: np.random.Generator) -> None:
    source = kernel_source(student, "SOFTMAX", "softmax")
    hints = _hints(
        out_of_bounds="A row may be shorter than a warp: each lane's loop ends at `columns`.",
        missing_lane="All 32 lanes have to reach each shuffle that names them in its mask.",
    )
    cases = (
        (40, 1.0, 0),
        (1, 1.0, 0),
        (7, 200.0, 0),
        (32, 0.0, 0),
        (int(rng.integers(65, 150)), 60.0, 0),
        (9, 1, -190),
    )
    for columns, spread, middle in cases:
        rows = (rng.uniform(-1, 1, (3, columns)) * spread + middle).astype(np.float32)
        got = np.zeros_like(rows)
        run(student, source, "softmax", got, rows, np.int32(columns), grid=3, block=32, hints=hints)
        exact = np.exp(rows.astype(np.float64) - rows.max(1, keepdims=True))
        hint = "Maximum, then the sum of exp(x − maximum), both over the whole row, then each element once more."
        upside_down = np.exp(rows.min(1, keepdims=True).astype(np.float64) - rows)
        if middle < 0 and not np.isfinite(got).all():
            hint = (
                "This row is negative throughout, and every expf became 0. Below which value has the maximum to start?"
            )
        elif columns > 1 and np.allclose(got, upside_down / upside_down.sum(1, keepdims=True), rtol=1e-3):
            hint = "Large values give small results: it is exp(x − max), not exp(max − x)."
        elif not np.isfinite(got).all():
            hint = "expf of a large number is infinite, and inf / inf is NaN: subtract the row's maximum first."
        elif np.allclose(got.sum(), 3 * columns, rtol=1e-3) and columns > 1:
            hint = "Every element is 1: the sum and the element belong to one lane only."
        elif not np.allclose(got.sum(1), 1, rtol=1e-3):
            hint = (
                "A row should sum to 1: `__shfl_xor_sync` gives every lane the sum of the *whole* row, and "
                "the same maximum is subtracted in both loops."
            )
        elif columns > 1:
            hint = "The rows sum to 1, but do all lanes subtract the same maximum, that of the *whole* row?"
        what = f"Your softmax of rows with {columns} columns"
        expect_close(got, (exact / exact.sum(1, keepdims=True)).astype(np.float32), what, hint)


@LAB.task(
    "9.6",
    "Repair three kernels",
    points=4,
    minutes=18,
    difficulty=3,
    importance=5,
    names=("SHIFT", "AVERAGE", "NORMALISE"),
)
def check_repairs(student: Student, rng: np.random.Generator) -> None:
    shift = kernel_source(student, "SHIFT", "shift")
    average = kernel_source(student, "AVERAGE", "average")
    normalise = kernel_source(student, "NORMALISE", "normalise")
    hints = _hints(
        race="Which value has to be read before its place is written, or the other way round? Wait there. If both "
        "write, one thread is enough.",
        uninitialized="Threads beyond n have no element, but their places of the shared array are read: write a value "
        "there that changes nothing.",
        out_of_bounds="Threads beyond n have to wait with the others, but there is no element for them to touch.",
    )
    for n in (100, 1, 128, int(rng.integers(33, 127))):
        values = rng.integers(0, 1000, n).astype(np.int32)
        got = values.copy()
        run(student, shift, "shift", got, np.int32(n), grid=1, block=128, hints=hints)
        hint = "x[(t + 1) % n] gets the old x[t]: keep it in a register while the others read theirs."
        if n > 2 and np.array_equal(got, np.roll(values, -1)):
            hint = "They have moved to the left: x[(t + 1) % n] gets the old x[t]."
        expect_close(got, np.roll(values, 1), f"SHIFT with n = {n}: x", hint)
    for n in (256, 1, 200, int(rng.integers(129, 250))):
        blocks = -(-n // 128)
        values, out = _floats(rng, n), np.zeros(blocks, np.float32)
        run(student, average, "average", out, values, np.int32(n), grid=blocks, block=128, hints=hints)
        right = [values[b * 128 : (b + 1) * 128].mean(dtype=np.float64) for b in range(blocks)]
        hint = "The kernel's arithmetic was right; only the end of its last round was not waited for."
        expect_close(out, np.array(right, np.float32), f"AVERAGE with n = {n}: out", hint)
    for n in (128, 1, 50, int(rng.integers(65, 127))):
        values = _floats(rng, n)
        got = values.copy()
        run(student, normalise, "normalise", got, np.int32(n), grid=1, block=128, hints=hints)
        hint = "Every element is divided by the largest of all n; threads beyond n must wait, but not touch x."
        expect_close(got, values / values.max(), f"NORMALISE with n = {n}: x", hint)
