"""`nogpu.inspect`: run a kernel on the inspecting build and say what is wrong with it.

Source → inspecting build (kernel.py) → arrays into device memory (buffers.py) → launch, watched by the runtime's
sanitizer (launch.py, runtime_source/) → its records in words (wording.py) → Report.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import devices, refusals, settings
from .. import source as cuda_source
from . import library
from .buffers import Buffers, check
from .grouping import in_order
from .kernel import InspectedModule, inspected_module
from .launch import Launch
from .profile import Profile
from .report import Finding, Report, Triple

ORDERS = ("forward", "reverse", "shuffled")  # by the runtime's numbers, see orders.cpp
RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE = 1e-4, 1e-6  # sums in another order differ so much in float32


def inspect(
    source: str,
    kernel: str,
    *args: Any,
    block: int | Sequence[int] = (256, 1, 1),
    grid: int | Sequence[int] = (1, 1),
    shared: int = 0,
    options: Sequence[str] = (),
    orders: Sequence[str] = ("forward",),
    seconds: float | None = None,
) -> Report:
    """Run `kernel` of the CUDA C `source` on the CPU under the sanitizer, and return what was found.

    `args` are the kernel's arguments: numpy arrays (each is copied to device memory and back, so kernels change them in
    place), numpy scalars, and device memory of the CPU stand-in. `block` and `grid` are an int or up to three; `shared`
    is the dynamic shared memory in bytes; `options` are nvcc's. The kernel runs once for each of `orders` ("forward",
    "reverse", "shuffled": of its blocks and threads) on the same inputs; results that differ are a finding, and the
    arrays hold those of the first order. A run longer than `seconds` is ended (default: NOGPU_KERNEL_SECONDS, 60).

    The contents of a numpy array count as written: that a kernel reads its output before it writes it is seen only for
    memory from `pycuda.driver.mem_alloc` (and `gpuarray.empty`) to which nobody has copied.

    Raises CompileFailure (the source does not compile), LookupError (no such kernel), TypeError (arguments that do not
    fit in number or kind) and ValueError (a launch that no GPU accepts).
    """
    started = time.perf_counter()
    module = inspected_module(source, (*options, *_pycudas_headers(source)))
    shape, blocks = _triple("block", block), _triple("grid", grid)
    numbers = [_order_number(order) for order in orders] or [0]
    _check_launch(module, kernel, shape, blocks, int(shared))
    report = Report(kernel, module.source, shape, blocks)
    mismatches = check(kernel, module, args)
    for problem in mismatches:  # the kernel would read other bits than were meant: it does not run
        finding = Finding("memcheck", "wrong-dtype", message=problem.message, hint=problem.hint)
        finding.line, finding.text = module.line_of_kernel(kernel), module.text_of_kernel(kernel)
        finding.array = problem.name
        report.findings.append(finding)
    if not mismatches:
        limit = settings.kernel_seconds() if seconds is None else float(seconds)
        with library.one_at_a_time:
            _run(report, module, args, int(shared), numbers, limit)
    report.findings = in_order(report.findings)
    report.seconds = time.perf_counter() - started
    return report


def _run(
    report: Report, module: InspectedModule, args: Sequence[Any], shared: int, orders: Sequence[int], limit: float
) -> None:
    buffers = Buffers(module, report.kernel, args)
    try:
        first: list[np.ndarray] = []
        for number, order in enumerate(orders):
            if number:
                buffers.restore()
            launch = Launch(module, report.kernel, report.block, report.grid, shared, buffers)
            launch.run(limit, order, with_profile=number == 0)
            report.findings += launch.findings
            report.dropped += launch.dropped
            results = buffers.results()
            if number == 0:
                first = results
                report.profile = launch.profile or Profile()
            elif not any(finding.severity == "error" for finding in report.findings):
                report.findings += _differences(
                    buffers, first, results, ORDERS[orders[0]], ORDERS[order], module, report
                )
        buffers.copy_back(first)
    finally:
        buffers.release()


def _differences(
    buffers: Buffers,
    first: Sequence[np.ndarray],
    second: Sequence[np.ndarray],
    order: str,
    other: str,
    module: InspectedModule,
    report: Report,
) -> list[Finding]:
    """Return a finding for the first array that two orders leave different."""
    for name, one, two in zip(buffers.names, first, second, strict=True):
        if one.dtype.kind in "fc":
            same = np.isclose(one, two, rtol=RELATIVE_TOLERANCE, atol=ABSOLUTE_TOLERANCE, equal_nan=True)
        else:
            same = np.asarray(one == two)
        if same.all():
            continue
        place = np.unravel_index(int(np.argmin(same)), one.shape)
        index = int(np.ravel_multi_index(place, one.shape))
        at = f"{name}[{', '.join(str(int(i)) for i in place)}]" if one.ndim > 1 else f"{name}[{index}]"
        return [
            Finding(
                tool="racecheck",
                kind="order-dependence",
                line=module.line_of_kernel(report.kernel),
                text=module.text_of_kernel(report.kernel),
                array=name,
                index=index,
                message=f"the result depends on the order in which threads and blocks run: {at} is {one[place]} in "
                f"{order} order and {two[place]} in {other} order",
                hint="A GPU runs blocks and warps in any order: let no thread rely on what another did before it.",
                count=int((~same).sum()),
            )
        ]
    return []


def _pycudas_headers(source: str) -> list[str]:
    """Return the option that finds PyCUDA's device headers, where `source` includes one: SourceModule gives it, too."""
    package = importlib.util.find_spec("pycuda")
    wanted = any(name in refusals.PYCUDA_HEADERS for _, name, _ in cuda_source.includes(source))
    return [f"-I{Path(package.origin).parent / 'cuda'}"] if wanted and package and package.origin else []


def _order_number(order: str) -> int:
    if order not in ORDERS:
        raise ValueError(f"orders has {order!r}: the orders are {', '.join(ORDERS)}")
    return ORDERS.index(order)


def _check_launch(module: InspectedModule, kernel: str, block: Triple, grid: Triple, shared: int) -> None:
    """Raise ValueError for what a GPU would not start."""
    threads = block[0] * block[1] * block[2]
    most = module.entry(kernel).maximum_threads or devices.MAXIMUM_THREADS
    if threads > min(most, devices.MAXIMUM_THREADS):
        raise ValueError(
            f"a block of {block} has {threads} threads, and {min(most, devices.MAXIMUM_THREADS)} is the most"
        )
    if any(n > most for n, most in zip((*block, *grid), (*devices.MAXIMUM_BLOCK, *devices.MAXIMUM_GRID), strict=True)):
        raise ValueError(f"a grid of {grid} blocks of {block} threads is larger than a GPU allows")
    static = sum(variable.size for variable in module.shared if variable.function in ("", kernel))
    if not shared >= 0 or static + shared > devices.SHARED_BYTES_OPT_IN:
        raise ValueError(
            f"{static} bytes of static and {shared} of dynamic shared memory: a block may have at most "
            f"{devices.SHARED_BYTES_OPT_IN}"
        )


def _triple(name: str, shape: int | Sequence[int]) -> Triple:
    sizes = (shape,) if isinstance(shape, int | float | np.number) else tuple(shape)
    if not 1 <= len(sizes) <= 3 or any(size != int(size) or size < 1 for size in sizes):
        raise ValueError(f"{name} is {shape!r}: give one to three whole numbers, each at least 1")
    x, y, z = (*(int(size) for size in sizes), 1, 1)[:3]
    return x, y, z
