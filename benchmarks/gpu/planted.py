"""nogpu's planted defects under NVIDIA's compute-sanitizer: which of its four tools finds which. Used by measure.py.

Each of the 52 wrong kernels, and each one's mended twin, becomes a program of its own (host_program.py), which runs
under memcheck, racecheck, initcheck and synccheck, as many side by side as there are cores.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from host_program import host_program
from results import Results

TESTS = Path(__file__).parents[2] / "tests" / "nogpu"
CHECKERS = ("memcheck", "racecheck", "initcheck", "synccheck")
BUILD_SECONDS, TOOL_SECONDS = 120, 25  # a tool starts in a few seconds; endless kernels are stopped
FAULT_CODE = 99  # with which compute-sanitizer is told to end where it found something

# How a finding begins (Compute Sanitizer, "User Manual": the sections of the four tools), and where it stands.
_FINDING = re.compile(
    r"^=+ +((?:Error: |Warning: )?(?:Invalid|Uninitialized|Race reported|Potential|Barrier error|Malloc|Free|Stack"
    r"|Out-of-range|Misaligned|Unsupported|Hardware exception|Device-side|Double free|Illegal|Access|Leaked|Warp|Lane)"
    r".*?)\s*$",
    re.MULTILINE,
)
_LINE = re.compile(r" in kernel\.cu:(\d+)")
_SUMMARY = re.compile(r"^=+ +(?:ERROR|RACECHECK) SUMMARY: (\d+)", re.MULTILINE)


def planted(results: Results, dry_run: bool) -> None:
    """Run every planted defect and its mended twin under each tool; a dry run only builds, and that where nvcc is."""
    sys.path.insert(0, str(TESTS))
    from sanitizer_cases import CASES

    todo = {f"{case.name} ({'mended' if mended else 'planted'})": (case, mended) for case in CASES for mended in (0, 1)}
    todo = {key: row for key, row in todo.items() if results.lacks(key)}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        keys = {pool.submit(_checked, *row, dry_run): key for key, row in todo.items()}
        for done in as_completed(keys):
            results.add(keys[done], done.result)


def _checked(case: Any, mended: int, dry_run: bool) -> dict[str, Any]:
    arguments = (case.mended_arguments or case.arguments)() if mended else case.arguments()
    text = host_program(case.text(bool(mended)), "k", arguments, case.block, case.grid, case.shared[mended])
    row: dict[str, Any] = {"case": case.name, "mended": bool(mended), "nogpu": "" if mended else case.tool,
                           "kind": case.kind, "line": case.line(1), "severity": case.severity}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        if not dry_run:
            program = build(text, Path(folder), "native")
            return row | {tool: checked(tool, program) for tool in CHECKERS}
        if shutil.which("nvcc"):
            build(text, Path(folder), "sm_90")
    return row | {"program_characters": len(text)}


def build(text: str, folder: Path, target: str) -> Path:
    """Compile a host program by nvcc with line numbers; raise RuntimeError with its words where it does not compile."""
    (folder / "case.cu").write_text(text)
    command = ["nvcc", f"-arch={target}", "-lineinfo", "-o", "case", "case.cu"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=BUILD_SECONDS)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return folder / "case"


def checked(tool: str, program: Path) -> dict[str, Any]:
    """Run a program under one of compute-sanitizer's tools and return what it found; see `verdict`."""
    command = ["compute-sanitizer", "--tool", tool, "--error-exitcode", str(FAULT_CODE)]
    if tool == "memcheck":
        command += ["--leak-check", "full"]
    code, said = run_limited([*command, str(program)], TOOL_SECONDS)
    return verdict(code, said.replace(f"{program.parent}/", ""))


def run_limited(command: Sequence[str], seconds: float) -> tuple[int | None, str]:
    """Return a command's exit code and output; code None where it was stopped, with all that it had started."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                               start_new_session=True)  # fmt: skip
    try:
        said, _ = process.communicate(timeout=seconds)
        return process.returncode, said
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
        return None, said


def verdict(code: int | None, said: str) -> dict[str, Any]:
    """Return what compute-sanitizer said, as data.

    `verdict`: "found", "silent", "stopped" (it did not end in time and had found nothing), "CUDA error" (the tool is
    silent, the program failed) or "tool failed". `first`: its first finding; `line`: of the kernel's source, there.
    """
    summary, finding, line = _SUMMARY.search(said), _FINDING.search(said), None
    if finding and (at := _LINE.search(said, finding.start())):
        line = int(at[1])
    if finding or (summary and int(summary[1])):
        name = "found"
    elif code is None:
        name = "stopped"
    elif summary is None:
        name = "tool failed"
    else:
        name = "silent" if code == 0 else "CUDA error"
    errors, first = int(summary[1]) if summary else None, finding[1] if finding else ""
    says = said if len(said) < 1200 else f"{said[:400]} ... {said[-800:]}"
    return {"verdict": name, "errors": errors, "code": code, "line": line, "first": first, "says": says}
