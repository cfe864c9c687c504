"""What this machine has and what it lacks, as a table with a cure on each row that needs one.

`course doctor` prints it, the set-up ends with it, and lesson 00 shows it: `Doctor()` as a cell's last line.
"""

from __future__ import annotations

import html
import importlib.metadata
import importlib.util
import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

from coursekit import device, paths
from coursekit.import_probe import Probe, probe
from nogpu import nvidia
from nogpu.compiler import find_compiler

DISTRIBUTION = "from-tensors-to-tensorrt"
REPAIR = "rm -rf .venv, then make setup"
COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@dataclass(frozen=True)
class Row:
    """One fact: what was looked for, how it stands, what was found, and what to do about it ("" when nothing)."""

    name: str
    state: Literal["ok", "warn", "fail"]
    found: str
    cure: str = ""


class Doctor:
    """The whole table. Draws itself in a notebook and in a rich console; `healthy` says that the course can run."""

    def __init__(self) -> None:
        self.rows = checks()

    @property
    def healthy(self) -> bool:
        return all(row.state != "fail" for row in self.rows)

    @property
    def verdict(self) -> str:
        """Say in one sentence how it stands."""
        failed = [row.name for row in self.rows if row.state == "fail"]
        if failed:
            return f"The course cannot run yet. To mend: {', '.join(failed)}."
        warned = [row.name for row in self.rows if row.state == "warn"]
        return "The course can run." + (f" Worth a look: {', '.join(warned)}." if warned else "")

    def __repr__(self) -> str:
        width = max(len(row.name) for row in self.rows)
        lines = [f"{row.name:{width}}  {row.state:4}  {row.found}  {row.cure}".rstrip() for row in self.rows]
        return "\n".join([*lines, self.verdict])

    def __rich__(self) -> Table:
        table = Table(caption=self.verdict, caption_style="bold", caption_justify="left")
        for heading in ("what", "", "found", "what to do"):
            table.add_column(heading, overflow="fold")
        for row in self.rows:
            table.add_row(row.name, f"[{COLOURS[row.state]}]{row.state}[/]", row.found, row.cure)
        return table

    def _repr_html_(self) -> str:
        lines = ["<table><thead><tr><th>what</th><th>state</th><th>found</th><th>what to do</th></tr></thead><tbody>"]
        for row in self.rows:
            cells = (row.name, row.state, row.found, row.cure)
            lines.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
        return "\n".join([*lines, f"</tbody></table><p><b>{html.escape(self.verdict)}</b></p>"])


def report(console: Console | None = None) -> int:
    """Print the table; return 0 when the course can run and 1 when it cannot."""
    console = console or Console()
    with console.status("Looking at this machine and its libraries"):
        doctor = Doctor()
    console.print(doctor)
    return 0 if doctor.healthy else 1


def checks() -> list[Row]:
    """Look at everything and return the rows, in the order in which they are read. Takes about five seconds."""
    probes = probe()
    gpu = nvidia.find_gpu()
    runtime = "onnxruntime-gpu" if _version("onnxruntime-gpu") else "onnxruntime"
    compiled = [library(name, probes[name]) for name in ("torch", "torchvision", "onnx")]
    compiled += [library(runtime, probes["onnxruntime"]), providers(probes["onnxruntime"], gpu)]
    others = [library(name) for name in ("onnxscript", "netron", "jupyterlab")]
    kernels = [gpu_library("pycuda", gpu), gpu_library("tensorrt", gpu)]
    machine = [compiler(), *graphics(gpu, bool(probes["torch"].extra)), cores(), memory(), disk()]
    return [system(), python(), *compiled, *others, *kernels, *machine]


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _pin(distribution: str) -> str:
    """Return the versions of `distribution` that the course asks for, such as "==2.13.*"; "" when it names none."""
    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(line) for line in importlib.metadata.requires(DISTRIBUTION) or ()]
    except importlib.metadata.PackageNotFoundError:
        return ""
    return next((str(one.specifier) for one in wanted if one.name == distribution), "")


def system() -> Row:
    kind = platform.system()
    found = f"{kind} {platform.machine()}" + (", WSL2" if "microsoft" in platform.release().lower() else "")
    if (kind, platform.machine()) == ("Linux", "x86_64"):
        return Row("system", "ok", found)
    advice = {
        "Linux": "the course is made on Linux x86-64; on arm64 it was tried under emulation only",
        "Darwin": "lessons 01 to 06 should run; for the others use a Linux container",
    }
    return Row("system", "warn", found, advice.get(kind, "use WSL2: the course is made for Linux"))


def python() -> Row:
    found = f"{platform.python_version()} in {sys.prefix}"
    if (3, 11) <= sys.version_info < (3, 14):
        return Row("Python", "ok", found)
    return Row("Python", "fail", found, "use Python 3.11, 3.12 or 3.13: make setup PYTHON=python3.12")


def library(distribution: str, probed: Probe | None = None) -> Row:
    """Say whether a library is installed, in a version that the course is made for, and can be imported."""
    from packaging.specifiers import SpecifierSet

    version, pin = _version(distribution), _pin(distribution)
    if version is None:
        return Row(distribution, "fail", "not installed", REPAIR)
    if probed is None:
        probed = Probe("" if importlib.util.find_spec(distribution) else "its files are missing")
    if probed.fault:
        return Row(distribution, "fail", f"{version}, cannot be imported: {probed.fault}", REPAIR)
    if pin and not SpecifierSet(pin).contains(version, prereleases=True):
        return Row(distribution, "warn", version, f"the course is made for {pin}: {REPAIR}")
    return Row(distribution, "ok", version)


def providers(probed: Probe, gpu: nvidia.Gpu | None) -> Row:
    """List ONNX Runtime's execution providers; on a usable GPU, CUDA's should be among them."""
    if not isinstance(probed.extra, list):
        return Row("its providers", "fail", "onnxruntime cannot be imported", REPAIR)
    found = ", ".join(name.removesuffix("ExecutionProvider") for name in probed.extra)
    if gpu and not gpu.objection() and "CUDAExecutionProvider" not in probed.extra:
        return Row("its providers", "warn", found, "to use the GPU: make setup EXTRA=gpu")
    return Row("its providers", "ok", found)


def gpu_library(distribution: str, gpu: nvidia.Gpu | None) -> Row:
    """Say whether pycuda or tensorrt is the real one, the CPU stand-in, or missing, and whether that matters yet."""
    version = _version(distribution)
    kind = device.origin(distribution)
    if version is not None:
        found = f"{version}, {'the CPU stand-in' if kind == 'CPU stand-in' else 'the real one'}"
        if kind == "real" and gpu is None:
            return Row(distribution, "warn", found, "it needs an NVIDIA GPU, and none was found here")
        if kind == "CPU stand-in" and gpu and not gpu.objection():
            return Row(distribution, "warn", found, "there is a GPU; to use it: make setup EXTRA=gpu")
        return library(distribution) if gpu and kind == "real" else Row(distribution, "ok", found)
    if (paths.root() / "standins" / distribution / "pyproject.toml").is_file():
        return Row(distribution, "fail", "not installed", REPAIR)
    if gpu and not gpu.objection():
        return Row(distribution, "warn", "not installed", "to use the GPU: make setup EXTRA=gpu")
    return Row(distribution, "ok", "absent; the lessons that use it are not in this checkout yet")


def compiler() -> Row:
    there = find_compiler()
    if there is None:
        return Row("C++ compiler", "fail", "none found", "Debian, Ubuntu, WSL2: sudo apt install g++")
    return Row("C++ compiler", "ok", there.version)


def graphics(gpu: nvidia.Gpu | None, torch_sees_it: bool) -> list[Row]:
    """Return the rows for the GPU, its driver and the CUDA toolkit; the toolkit matters only where there is a GPU."""
    if gpu is None:
        return [Row("GPU", "ok", "none found; everything runs on the CPU"), Row("driver", "ok", "none needed")]
    name = f"{gpu.name}, {gpu.memory_mib / 1024:.0f} GiB" if gpu.memory_mib else gpu.name
    rows = [Row("GPU", "ok", name), Row("driver", "ok", gpu.driver)]
    if gpu.objection():
        rows = [Row("GPU", "warn", name, "the course runs on the CPU")]
        rows += [Row("driver", "warn", gpu.driver or "does not answer", gpu.objection())]
    elif not torch_sees_it:
        rows[0] = Row("GPU", "warn", f"{name}; torch does not see it", "make setup EXTRA=gpu")
    toolkit = nvidia.find_toolkit()
    if toolkit is None:
        rows.append(Row("nvcc", "warn", "not found", "PyCUDA compiles with it: install the CUDA 13 toolkit"))
    elif shutil.which("nvcc") is None:
        rows.append(Row("nvcc", "warn", f"{toolkit.nvcc}, not on PATH", f'export PATH="{toolkit.nvcc.parent}:$PATH"'))
    else:
        rows.append(Row("nvcc", "ok", str(toolkit.nvcc)))
    return rows


def cores() -> Row:
    return Row("cores", "ok", f"{device.cores()} of {device.processor_name()}")


def memory() -> Row:
    import psutil

    facts = psutil.virtual_memory()
    free, total = facts.available / 2**30, facts.total / 2**30
    found = f"{free:.1f} of {total:.1f} GiB free"
    return Row("memory", "ok", found) if free >= 2 else Row("memory", "warn", found, "close other programs first")


def disk() -> Row:
    free = shutil.disk_usage(Path(paths.root())).free / 1e9
    found = f"{free:.1f} GB free"
    if free < 0.2:
        return Row("disk", "fail", found, "free some space: the lessons write into build/")
    return Row("disk", "ok", found) if free >= 2 else Row("disk", "warn", found, "free some space")
