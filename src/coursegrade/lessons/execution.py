"""Execute one notebook in a fresh kernel of this very Python, cell by cell, and tell in few words what went wrong.

Called by `runner` for each lesson. The kernel inherits nothing personal: no kernelspecs, start-up files or plotting
backend of the user's, so a lesson that runs here runs for everybody.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import nbformat
from ipykernel.compiler import get_file_name
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

STARTUP_LIMIT = 120  # seconds for the kernel to answer; a cold disk is slow
INTERRUPT_GRACE = 5.0  # seconds for a cell to say where it was when its time ran out
PERSONAL = ("MPLBACKEND", "PYTHONSTARTUP", "PYTHONWARNINGS", "IPYTHONDIR")
ANSI = re.compile(r"\x1b\[[0-9;]*m")
LAST_WORDS = re.compile(r"\s*(terminate called|free\(\)|malloc|double free|\w+Error:)")
CRASH_FRAME = re.compile(r'File "[^"]*?(\w+\.py)", line (\d+) in ')
FRAME = re.compile(r"Cell In\[(\d+)\], line (\d+)")

SILENT = logging.getLogger("coursegrade.silent")
SILENT.addHandler(logging.NullHandler())
SILENT.propagate = False


class ThisPython(KernelSpecManager):
    """Offers one kernel, this interpreter's own, whatever kernelspecs are installed on the machine."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return the kernel of sys.executable, whatever it is called."""
        return KernelSpec(resource_dir="", **get_kernel_dict())


@dataclass(frozen=True)
class Failure:
    """Why a cell failed. `cell` counts code cells from 1, as the [n] beside them does; 0 is the kernel's start."""

    cell: int
    index: int  # of the cell in the notebook, 0 for the first
    first_line: str
    reason: str  # the error's own words, or ours for a time limit or a dead kernel; a few lines at most
    place: str = ""  # where in the notebook's code, "line 3 of cell [7]"
    offending: str = ""  # that line


@dataclass(frozen=True)
class Execution:
    """How an execution went: how many code cells, how many of them ran well, seconds with the kernel's start."""

    cells: int
    done: int
    seconds: float
    failure: Failure | None = None
    stopped: bool = False  # by Ctrl-C


def code_cells(notebook: NotebookNode) -> list[int]:
    """Return the indices of the cells that will run: code cells that are not blank."""
    return [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()]


def execute(
    notebook: NotebookNode, folder: Path, environment: dict[str, str], limit: float, progress: Callable[[int], None]
) -> Execution:
    """Run `notebook` in `folder` and leave its outputs in it.

    environment: variables to set besides this process's own; limit: seconds that one cell may take;
    progress: called with k before the k-th code cell starts. Ends with the first cell that fails. Ctrl-C ends the
    kernel and returns an execution that is `stopped`.
    """
    started = time.monotonic()
    for index in code_cells(notebook):
        notebook.cells[index].outputs, notebook.cells[index].execution_count = [], None
    state = _Run(notebook, limit, progress)
    stopped = False
    with tempfile.TemporaryDirectory(prefix="course-kernel-") as scratch:
        variables = {key: value for key, value in os.environ.items() if key not in PERSONAL}
        variables.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # or waiting threads burn the cores that others need
        variables |= {"IPYTHONDIR": scratch, "COURSE_HEADLESS": "1"} | environment
        try:
            with (Path(scratch) / "stderr.txt").open("w+", encoding="utf-8", errors="replace") as log:
                asyncio.run(state.run(folder, variables, log, Path(scratch) / "crash.txt"))
        except KeyboardInterrupt:
            stopped = True
    return Execution(len(state.running), state.done, time.monotonic() - started, state.failure, stopped)


class _Run:
    """One notebook on its way through one kernel."""

    def __init__(self, notebook: NotebookNode, limit: float, progress: Callable[[int], None]) -> None:
        self.notebook = notebook
        self.limit = limit
        self.progress = progress
        self.running = code_cells(notebook)
        self.done = 0
        self.failure: Failure | None = None

    async def run(self, folder: Path, environment: dict[str, str], log: IO[str], crash: Path) -> None:
        manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=ThisPython(), log=SILENT)
        client = NotebookClient(
            self.notebook,
            km=manager,
            timeout=self.limit,
            startup_timeout=STARTUP_LIMIT,
            coalesce_streams=True,
            log=SILENT,
            # ipykernel takes over stderr, where Python would say at which line a process crashed.
            extra_arguments=[f"--IPKernelApp.exec_lines=__import__('faulthandler').enable(open({str(crash)!r}, 'w'))"],
        )
        try:
            await client.async_start_new_kernel(
                cwd=str(folder), env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=log
            )
            try:
                await client.async_start_new_kernel_client()
            except RuntimeError:
                self.failure = Failure(0, 0, "", "The kernel could not be started. " + _last_words(log))
                return
            for count, index in enumerate(self.running, start=1):
                self.progress(count)
                await self._run_cell(client, manager, index, log, crash)
                if self.failure:
                    return
                self.done = count
        finally:
            if manager.has_kernel:
                await manager.shutdown_kernel(now=True)
            if client.kc is not None:
                client.kc.stop_channels()

    async def _run_cell(
        self, client: NotebookClient, manager: AsyncKernelManager, index: int, log: IO[str], crash: Path
    ) -> None:
        cell = self.notebook.cells[index]
        try:
            await client.async_execute_cell(cell, index, execution_count=self.done + 1)
        except CellExecutionError as error:
            self._fail(index, _error_words(error.ename, error.evalue), _traceback_lines(cell))
        except CellTimeoutError:
            await self._interrupt(manager, cell)
            reason = f"The cell ran longer than its limit of {self.limit:g} s and was stopped."
            self._fail(index, reason, _traceback_lines(cell))
            cell.outputs.append(_as_error("TimeLimit", reason))
        except DeadKernelError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():  # nbclient takes the cancellation by Ctrl-C for a death
                raise asyncio.CancelledError from None
            how = _manner_of_death(await manager.provisioner.poll() if manager.provisioner else None)
            reason = " ".join(filter(None, [how, _last_words(log)]))
            self._fail(index, reason, self._crash_lines(crash))
            cell.outputs.append(_as_error("KernelDied", reason))

    async def _interrupt(self, manager: AsyncKernelManager, cell: NotebookNode) -> None:
        """Let the cell say where it was; one that does not listen is killed with its kernel a little later."""
        await manager.interrupt_kernel()
        until = time.monotonic() + INTERRUPT_GRACE
        while time.monotonic() < until and not any(output.output_type == "error" for output in cell.outputs):
            await asyncio.sleep(0.05)

    def _fail(self, index: int, reason: str, lines: list[tuple[int, int]]) -> None:
        """Note the failure; `lines` are (cell's count, line) of the notebook's own code on the stack, deepest last."""
        cell = self.notebook.cells[index]
        first = next(line for line in cell.source.splitlines() if line.strip())
        cell.execution_count = self.done + 1
        place = offending = ""
        if lines and 1 <= lines[-1][0] <= len(self.running):
            count, line = lines[-1]
            code = self.notebook.cells[self.running[count - 1]].source.splitlines()
            place = f"line {line} of cell [{count}]"
            offending = code[line - 1].strip() if 1 <= line <= len(code) else ""
        self.failure = Failure(self.done + 1, index, first.strip(), reason, place, offending)

    def _crash_lines(self, crash: Path) -> list[tuple[int, int]]:
        """Return the same as `_traceback_lines` from what Python's faulthandler wrote when the process crashed."""
        text = crash.read_text(errors="replace") if crash.exists() else ""
        names = {
            Path(get_file_name(self.notebook.cells[index].source)).name: count
            for count, index in enumerate(self.running[: self.done + 1], start=1)
        }
        frames = [(names[name], int(line)) for name, line in CRASH_FRAME.findall(text) if name in names]
        return frames[::-1]


def _traceback_lines(cell: NotebookNode) -> list[tuple[int, int]]:
    """Return (cell's count, line) for every frame of the notebook's own code in a cell's traceback, deepest last."""
    traceback = "\n".join(line for output in cell.outputs for line in output.get("traceback", []))
    return [(int(count), int(line)) for count, line in FRAME.findall(ANSI.sub("", traceback))]


def _as_error(name: str, reason: str) -> NotebookNode:
    return nbformat.v4.new_output("error", ename=name, evalue=reason, traceback=[reason])


def _error_words(name: str, text: str) -> str:
    """Return "Name: message"; of a long message the first lines, which say what happened, not where it came from."""
    text = re.sub(r" \(\d+\.py, line \d+\)$", "", ANSI.sub("", text).strip())  # a SyntaxError names IPython's own file
    lines = [line.rstrip() for line in f"{name}: {text}".rstrip(": ").splitlines() if line.strip()]
    return "\n".join(lines[:3]) + (" …" if len(lines) > 3 else "")


def _manner_of_death(status: int | None) -> str:
    if status is None:
        return "The kernel died."
    if status < 0:
        name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
        hint = " (often: out of memory)" if -status == signal.SIGKILL else ""
        return f"The kernel died of {name}{hint}."
    return f"The kernel died: its process ended with exit status {status}."


def _last_words(log: IO[Any]) -> str:
    """Return what the kernel's process last wrote to stderr that tells why it ended; "" if nothing does."""
    log.seek(0)
    words = [line.strip() for line in log if LAST_WORDS.match(line)]
    return words[-1][:200] if words else ""
