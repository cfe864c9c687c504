"""nogpu's sanitizer and profile beside compute-sanitizer and Nsight Compute, kernel by kernel. Used by measure.py."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from host_program import host_program
from results import Results

TESTS = Path(__file__).parents[2] / "tests" / "nogpu"
CHECKERS = ("memcheck", "racecheck", "initcheck", "synccheck")
COUNTERS = {
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
}
TOOL_SECONDS = 20


def build(text: str, folder: Path) -> Path:
    """Compile a host program by nvcc with line numbers; raise RuntimeError with its words where it does not compile."""
    (folder / "case.cu").write_text(text)
    done = subprocess.run(["nvcc", "-arch=native", "-lineinfo", "-o", "case", "case.cu"], cwd=folder,
                          capture_output=True, text=True)  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return folder / "case"


def planted(results: Results, dry_run: bool) -> None:
    """Run every planted defect, and its mended twin, under each of compute-sanitizer's four tools."""
    sys.path.insert(0, str(TESTS))
    from sanitizer_cases import CASES

    for case in CASES:
        for mended in (False, True):
            name = f"{case.name} ({'mended' if mended else 'planted'})"
            results.add(name, lambda case=case, mended=mended: _checked(case, mended, dry_run))


def _checked(case: Any, mended: bool, dry_run: bool) -> dict[str, Any]:
    arguments = (case.mended_arguments or case.arguments)() if mended else case.arguments()
    text = host_program(case.text(mended), "k", arguments, case.block, case.grid, case.shared[mended])
    row: dict[str, Any] = {"nogpu": "" if mended else case.tool, "kind": case.kind, "line": case.line(1)}
    if dry_run:
        return row | {"program_characters": len(text)}
    with tempfile.TemporaryDirectory() as folder:
        program = build(text, Path(folder))
        for tool in CHECKERS:
            command = ["compute-sanitizer", "--tool", tool, "--error-exitcode", "99", str(program)]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=TOOL_SECONDS)
                row[tool] = {"code": done.returncode, "says": (done.stdout + done.stderr)[-3000:]}
            except subprocess.TimeoutExpired:
                row[tool] = {"code": None, "says": f"stopped after {TOOL_SECONDS} s"}
    return row


def profile(results: Results, dry_run: bool) -> None:
    """Compare nogpu's counters with ncu's for every kernel that tests/nogpu/test_profile.py inspects."""
    for name, launch in recorded_launches().items():
        results.add(name, lambda launch=launch: _counted(launch, dry_run))


def recorded_launches() -> dict[str, dict[str, Any]]:
    """Run test_profile.py and return test's name -> its first launch and what nogpu counted."""
    import pytest

    import nogpu

    launches: dict[str, dict[str, Any]] = {}
    current = [""]
    inspect = nogpu.inspect

    def record(source: str, kernel: str, *arguments: Any, **more: Any) -> Any:
        before = tuple(a.copy() if isinstance(a, np.ndarray) else a for a in arguments)
        report = inspect(source, kernel, *arguments, **more)
        launch = {"source": source, "kernel": kernel, "arguments": before, "more": more, "nogpu": report.profile.total}
        launches.setdefault(current[0], launch)
        return report

    class Names:
        def pytest_runtest_call(self, item: Any) -> None:
            current[0] = item.name

    nogpu.inspect = record
    try:
        pytest.main(["-q", "-p", "no:cacheprovider", str(TESTS / "test_profile.py")], plugins=[Names()])
    finally:
        nogpu.inspect = inspect
    return launches


def _counted(launch: dict[str, Any], dry_run: bool) -> dict[str, Any]:
    more, total = launch["more"], launch["nogpu"]
    row: dict[str, Any] = {"nogpu": {name: getattr(total, name) for name in COUNTERS if hasattr(total, name)}}
    row["nogpu"] |= {"flops": total.flops, "simt_efficiency": total.simt_efficiency}
    text = host_program(launch["source"], launch["kernel"], launch["arguments"], more.get("block", 256),
                        more.get("grid", 1), more.get("shared", 0))  # fmt: skip
    if dry_run:
        return row | {"program_characters": len(text)}
    with tempfile.TemporaryDirectory() as folder:
        command = ["ncu", "--csv", "--clock-control", "none", "--metrics", ",".join(COUNTERS.values())]
        done = subprocess.run([*command, str(build(text, Path(folder)))], capture_output=True, text=True, timeout=60)
    return row | {"ncu": read_ncu(done.stdout)}


def read_ncu(text: str) -> dict[str, float]:
    """Return counter -> value from what `ncu --csv` printed; raise RuntimeError where it holds no table."""
    lines = [line for line in text.splitlines() if line.startswith('"')]
    names = {metric: name for name, metric in COUNTERS.items()}
    rows = {names[row["Metric Name"]]: float(row["Metric Value"].replace(",", ""))
            for row in csv.DictReader(io.StringIO("\n".join(lines))) if row["Metric Name"] in names}  # fmt: skip
    if not rows:
        raise RuntimeError(f"ncu gave no counters: {text[-1000:]}")
    return rows
