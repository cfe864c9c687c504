"""nogpu's profile beside Nsight Compute's counters, kernel by kernel. Used by measure.py.

The kernels are those of tests/nogpu/test_profile.py, whose counts are derived by hand there: its tests run, each one's
first launch is recorded, and the same kernel with the same arguments runs as a program of its own under ncu.
"""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from host_program import host_program
from planted import TESTS, build, run_limited
from results import Results

METRICS = {
    "global_load_requests": "l1tex__t_requests_pipe_lsu_mem_global_op_ld.sum",
    "global_load_sectors": "l1tex__t_sectors_pipe_lsu_mem_global_op_ld.sum",
    "global_store_requests": "l1tex__t_requests_pipe_lsu_mem_global_op_st.sum",
    "global_store_sectors": "l1tex__t_sectors_pipe_lsu_mem_global_op_st.sum",
    "shared_load_wavefronts": "l1tex__data_pipe_lsu_wavefronts_mem_shared_op_ld.sum",
    "shared_load_conflicts": "l1tex__data_bank_conflicts_pipe_lsu_mem_shared_op_ld.sum",
    "shared_store_wavefronts": "l1tex__data_pipe_lsu_wavefronts_mem_shared_op_st.sum",
    "shared_store_conflicts": "l1tex__data_bank_conflicts_pipe_lsu_mem_shared_op_st.sum",
    "threads_per_instruction": "smsp__thread_inst_executed_per_inst_executed.ratio",
    "fadd": "smsp__sass_thread_inst_executed_op_fadd_pred_on.sum",
    "fmul": "smsp__sass_thread_inst_executed_op_fmul_pred_on.sum",
    "ffma": "smsp__sass_thread_inst_executed_op_ffma_pred_on.sum",
    "dadd": "smsp__sass_thread_inst_executed_op_dadd_pred_on.sum",
    "dmul": "smsp__sass_thread_inst_executed_op_dmul_pred_on.sum",
    "dfma": "smsp__sass_thread_inst_executed_op_dfma_pred_on.sum",
}
COMPARED = (*list(METRICS)[:8], "flops", "simt_efficiency")
GOAL = 0.02  # relative difference
NCU_SECONDS = 60


@dataclass
class Launch:
    """A kernel launch that nogpu inspected, and what it counted."""

    source: str
    kernel: str
    arguments: tuple[Any, ...]
    block: Any
    grid: Any
    shared: int
    counted: dict[str, float]

    def program(self) -> str:
        """Return the host program that launches it on a GPU."""
        return host_program(self.source, self.kernel, self.arguments, self.block, self.grid, self.shared)


def profile(results: Results, dry_run: bool) -> None:
    """Compare nogpu's counters with ncu's for every kernel that tests/nogpu/test_profile.py inspects."""
    launches = {name: launch for name, launch in recorded_launches().items() if results.lacks(name)}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        places = {name: Path(folder) / str(k) for k, name in enumerate(launches)}
        built = {name: pool.submit(_built, launch, places[name], dry_run) for name, launch in launches.items()}
        for name, launch in launches.items():  # one after the other: ncu locks the counters
            results.add(name, lambda a=launch, b=built[name]: _compared(a, b.result()))


def _built(launch: Launch, folder: Path, dry_run: bool) -> Path | None:
    folder.mkdir()
    if not dry_run:
        return build(launch.program(), folder, "native")
    if shutil.which("nvcc"):
        build(launch.program(), folder, "sm_90")
    return None


def _compared(launch: Launch, program: Path | None) -> dict[str, Any]:
    row = {"nogpu": launch.counted, "source": launch.source, "block": str(launch.block), "grid": str(launch.grid)}
    return row if program is None else row | {"ncu": counted(program)}


def recorded_launches() -> dict[str, Launch]:
    """Run test_profile.py's tests and return each one's name -> its first launch, with nogpu's counts."""
    import pytest

    import nogpu

    launches: dict[str, Launch] = {}
    current = [""]
    inspect = nogpu.inspect

    def record(source: str, kernel: str, *arguments: Any, block: Any = 256, grid: Any = 1, **more: Any) -> Any:
        before = tuple(a.copy() if isinstance(a, np.ndarray) else a for a in arguments)
        report = inspect(source, kernel, *arguments, block=block, grid=grid, **more)
        total = report.profile.total
        counts = {name: float(getattr(total, name)) for name in COMPARED}
        found = Launch(source, kernel, before, block, grid, more.get("shared", 0), counts)
        launches.setdefault(current[0], found)
        return report

    class Names:
        def pytest_runtest_call(self, item: Any) -> None:
            current[0] = item.name

    nogpu.inspect = record
    try:
        pytest.main(["-q", "-p", "no:cacheprovider", str(TESTS / "test_profile.py")], plugins=[Names()])
    finally:
        nogpu.inspect = inspect
    print(f"{len(launches)} launches to compare", file=sys.stderr)
    return launches


def counted(program: Path) -> dict[str, float]:
    """Return ncu's counters of the program's one kernel, by nogpu's names.

    A metric that this ncu or GPU does not have is left out and asked for no more.
    """
    wanted = dict(METRICS)
    while wanted:
        command = ["ncu", "--csv", "--print-units", "base", "--clock-control", "none"]
        _, said = run_limited([*command, "--metrics", ",".join(wanted.values()), str(program)], NCU_SECONDS)
        unknown = set(re.findall(r"Failed to find metric (?:regex:)?\^?([\w.]+)", said)) & set(wanted.values())
        if not unknown:
            return derived(read_ncu(said))
        wanted = {name: metric for name, metric in wanted.items() if metric not in unknown}
    raise RuntimeError(f"ncu has none of the metrics: {said[-1000:]}")


def read_ncu(text: str) -> dict[str, float]:
    """Return counter -> value from what `ncu --csv` printed; raise RuntimeError where it holds no counter.

    The form (Nsight Compute CLI, "Console Output", --csv): lines that begin with == are ncu's own words, the program's
    output may stand between; then a header row and one row a metric, all fields in quotes.
    """
    lines = [line for line in text.splitlines() if line.startswith('"')]
    names = {metric: name for name, metric in METRICS.items()}
    rows = {}
    for row in csv.DictReader(io.StringIO("\n".join(lines))):
        value = (row.get("Metric Value") or "").replace(",", "")
        if row.get("Metric Name") in names and re.fullmatch(r"-?[\d.]+(e[-+]?\d+)?", value):
            rows[names[row["Metric Name"]]] = float(value)
    if not rows:
        raise RuntimeError(f"ncu gave no counters: {text[-1000:]}")
    return rows


def derived(ncu: dict[str, float]) -> dict[str, float]:
    """Add FLOPs and SIMT efficiency, as nogpu defines them, to ncu's counters."""
    more = {}
    if {"fadd", "fmul", "ffma"} <= set(ncu):
        more["flops"] = sum((2 if name[1:] == "fma" else 1) * ncu.get(name, 0.0)
                            for name in ("fadd", "fmul", "ffma", "dadd", "dmul", "dfma"))  # fmt: skip
    if "threads_per_instruction" in ncu:
        more["simt_efficiency"] = ncu["threads_per_instruction"] / 32
    return ncu | more


def difference(ours: float, theirs: float) -> float:
    """Return |ours − theirs| / theirs; 0 where both are 0."""
    return 0.0 if ours == theirs else abs(ours - theirs) / abs(theirs) if theirs else float("inf")
