"""Time the rungs of copy, transpose, reduction, softmax, histogram and matmul, each proven right first. For measure.py.

Data are larger than any L2 cache (1 GiB; the matrices of the product 64 MiB each, whose time is arithmetic). Rungs
run as PyCUDA launches them; what torch, cuBLAS and the driver's own copy need for the same stands beside them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import device_memory as memory
import numpy as np
import pycuda.driver as drv
import rungs
import torch
from device_memory import Buffer, timed
from pycuda.compiler import compile as nvcc
from results import Results
from rungs import Rung

FOLDER = Path(__file__).parent


@dataclass
class Problem:
    """What the rungs of one ladder have in common: their arguments, how to check them, how much work they do."""

    arguments: tuple[Any, ...]
    out: Buffer
    expected: torch.Tensor
    work: float
    rungs: list[Rung]
    others: dict[str, Callable[[], Any]] = field(default_factory=dict)
    unit: str = "B/s"
    tolerance: float = 0.0  # of the relative error in the Euclidean norm; 0: equal
    adds: bool = False  # to what is there already

    def fault(self) -> str:
        """Return what is wrong with the output; nothing where it is right."""
        got = self.out.tensor()
        if self.tolerance == 0:
            return "" if torch.equal(got, self.expected) else f"{int((got != self.expected).sum())} wrong elements"
        error = ((got.double() - self.expected).norm() / self.expected.norm()).item()
        return "" if error < self.tolerance else f"relative error {error}"


def random(*shape: int) -> torch.Tensor:
    """Return normally distributed floats."""
    return torch.randn(*shape, device=memory.torch_device())


def filled(values: torch.Tensor) -> Buffer:
    """Return a buffer with these values."""
    buffer = Buffer(tuple(values.shape), str(values.dtype).removeprefix("torch."))
    buffer.put(values)
    return buffer


def copy(small: bool) -> Problem:
    n = 2**16 if small else 2**28
    x, y = filled(random(n)), Buffer((n,), np.float32)
    source, target = x.tensor(), y.tensor()
    others = {
        "driver's copy": lambda: drv.memcpy_dtod(y.pointer, x.pointer, x.bytes),
        "torch": lambda: target.copy_(source),
    }
    return Problem((y.pointer, x.pointer, np.int32(n)), y, source, 8.0 * n, rungs.copy(n, memory.processors()), others)


def transpose(small: bool) -> Problem:
    rows, columns = (256, 384) if small else (16384, 16384)
    x, y = filled(random(rows, columns)), Buffer((columns, rows), np.float32)
    source, target = x.tensor(), y.tensor()
    tried = rungs.transpose(rows, columns, memory.processors())
    others = {"torch": lambda: target.copy_(source.T)}
    arguments = (y.pointer, x.pointer, np.int32(rows), np.int32(columns))
    return Problem(arguments, y, source.T, 8.0 * rows * columns, tried, others)


def reduction(small: bool) -> Problem:
    n = 2**16 if small else 2**28
    # Whole numbers about 0: every partial sum is one, far below 2^24, so that any order gives exactly the same.
    x, y = filled(torch.randint(-4, 5, (n,), device=memory.torch_device()).float()), Buffer((1,), np.float32)
    source = x.tensor()
    return Problem((y.pointer, x.pointer, np.int32(n)), y, source.double().sum().float().reshape(1), 4.0 * n,
                   rungs.reduction(n, memory.processors()), {"torch": source.sum}, adds=True)  # fmt: skip


def softmax(small: bool) -> Problem:
    rows, columns = (64, 520) if small else (65536, 4096)
    x, y = filled(random(rows, columns)), Buffer((rows, columns), np.float32)
    source = x.tensor()
    # The reference in float64 would take 2 GiB and more; float32 by torch is right to 1e-6.
    return Problem((y.pointer, x.pointer, np.int32(rows), np.int32(columns)), y, torch.softmax(source, 1),
                   8.0 * rows * columns, rungs.softmax(rows, columns, memory.processors()),
                   {"torch": lambda: torch.softmax(source, 1)}, tolerance=1e-5)  # fmt: skip


def histogram(small: bool) -> Problem:
    n = 2**16 if small else 2**30
    x = filled(torch.randint(0, 256, (n,), dtype=torch.uint8, device=memory.torch_device()))
    y, source = Buffer((256,), np.int32), x.tensor()
    expected = sum(torch.bincount(part, minlength=256) for part in source.split(2**26))
    assert isinstance(expected, torch.Tensor)
    return Problem((y.pointer, x.pointer, np.int32(n)), y, expected.int(), 1.0 * n,
                   rungs.histogram(n, memory.processors()), {"torch": lambda: torch.bincount(source, minlength=256)},
                   adds=True)  # fmt: skip


def matmul(small: bool) -> Problem:
    n = 256 if small else 4096
    a, b, c = filled(random(n, n)), filled(random(n, n)), Buffer((n, n), np.float32)
    left, right, out = a.tensor(), b.tensor(), c.tensor()
    torch.backends.cuda.matmul.allow_tf32 = False
    return Problem((c.pointer, a.pointer, b.pointer, *map(np.int32, (n, n, n))), c, left.double() @ right.double(),
                   2.0 * n**3, rungs.matmul(n, memory.processors()),
                   {"cuBLAS": lambda: torch.mm(left, right, out=out)}, unit="FLOP/s", tolerance=1e-5)  # fmt: skip


LADDERS = {each.__name__: each for each in (copy, transpose, reduction, softmax, histogram, matmul)}


def ladders(results: Results, dry_run: bool) -> None:
    """Time every rung in every variant; a wrong result is an error, not a time. A dry run takes small sizes."""
    if dry_run != memory.EMULATED:
        raise SystemExit("A dry run needs the CPU stand-in for PyCUDA, a measurement PyCUDA itself; here is the other.")
    for ladder, problem_of in LADDERS.items():
        if results.wants(f"{ladder}: "):
            try:
                problem = problem_of(dry_run)
            except (RuntimeError, drv.Error) as error:  # too little memory, say: the other ladders may fit
                print(f"ladders: {ladder}: FAILED {error}", flush=True)
            else:
                _ladder(results, ladder, problem)


def _ladder(results: Results, ladder: str, problem: Problem) -> None:
    said = {"ladder": ladder, "variant": ""}
    _others(results, ladder, problem, "")
    keys = {f"{ladder}: {rung.name}" + f" ({rung.variant})" * bool(rung.variant): rung for rung in problem.rungs}
    keys = {key: rung for key, rung in keys.items() if results.lacks(key)}
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        target = memory.architecture()  # asked here: the context is this thread's
        modules = {key: pool.submit(_module, rung, target) for key, rung in keys.items()}
        for key, rung in keys.items():
            given = said | {"rung": rung.name, "variant": rung.variant}
            results.add(key, lambda r=rung, m=modules[key], s=given: s | _rung(problem, r, m.result()))
    _others(results, ladder, problem, "again")


def _others(results: Results, ladder: str, problem: Problem, turn: str) -> None:
    """Time what torch and the driver need: before our rungs, and again after them, on a GPU as warm as theirs."""
    for name, launch in problem.others.items():
        said = {"ladder": ladder, "rung": name, "variant": turn, "reference": True}
        key = f"{ladder}: {name}" + f" ({turn})" * bool(turn)
        results.add(key, lambda f=launch, s=said: s | timed(f, problem.work, problem.unit))


def _module(rung: Rung, target: str) -> bytes:
    source = (FOLDER / rung.file).read_text()
    return nvcc(source, options=["-O3", *rung.options], arch=target, no_extern_c=True, cache_dir=False)


def _rung(problem: Problem, rung: Rung, code: bytes) -> dict[str, Any]:
    function = drv.module_from_buffer(code).get_function(rung.kernel)
    block, grid = (*rung.block, 1, 1)[:3], (*rung.grid, 1)[:2]

    def launch() -> None:
        function(*problem.arguments, block=block, grid=grid)

    problem.out.clear() if problem.adds else problem.out.poison()
    launch()
    drv.Context.synchronize()
    if fault := problem.fault():
        raise ValueError(f"{rung.kernel} computed a wrong result: {fault}.")
    facts = {"block": block, "grid": grid, "defines": dict(rung.defines), "registers": function.num_regs}
    return facts | timed(launch, problem.work, problem.unit)
