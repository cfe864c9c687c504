"""Where learners' processes are born: a trusted process that has imported torch once and forks a worker for each.

Started by `sandbox.sandbox`, inside bubblewrap or not, with one end of the control socket. It runs nothing of a
learner's itself. It is the subreaper of whatever its workers start, so nothing can leave its family: `prune` and `end`
leave no process and no file behind, and a watch ends what holds too much memory or disk.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from coursegrade.sandbox import gpu_devices
from coursegrade.sandbox.channel import Channel
from coursegrade.sandbox.confinement import CannotConfine, Walls, confine
from coursegrade.sandbox.cuda_files import CUDA
from coursegrade.sandbox.processes import descendants, end_all, memory, reap, written
from coursegrade.sandbox.removal import remove

SUBREAPER, NOT_DUMPABLE = 36, 4  # prctl's options
INSPECTOR = "coursegrade.sandbox.inspector"
WARM = (
    "torch.utils.data", "torch._dynamo", "onnxscript", "matplotlib.pyplot", "matplotlib.font_manager",
    "IPython.core.inputtransformer2", "coursegrade.sandbox.worker", "coursekit.data", "coursekit.models",
    "coursekit.plots", INSPECTOR, "nogpu.cuda.inspection.inspect",
)  # fmt: skip
LOOK = 0.05  # seconds between two looks at memory
LOOK_AT_FILES = 10  # looks at memory for one at the files


class Nursery:
    """The state between two requests of the judge's: at most one worker (and all that it has started) at a time.

    Beside it, for the time of a task, a process that inspects kernels. `prune` ends that too.
    """

    def __init__(self, control: socket.socket, scratch: Path) -> None:
        self.control, self.scratch = control, scratch
        self.walls: Walls | None = None
        self.worker: int | None = None
        self.private: Path | None = None
        self.inspecting: Path | None = None  # the folder of the process that inspects kernels, if there is one
        self.ended_for = ""  # why the watch ended something, for the judge to pass on
        self.looks = 0
        self.written_before = 0

    def serve(self) -> None:
        """Answer the judge until it closes the control socket."""
        self._reply({"ready": True})
        while True:
            wait = LOOK if self.worker is not None or self.inspecting is not None else None
            if not select.select([self.control], [], [], wait)[0]:
                self._look()
                continue
            data, descriptors, _, _ = socket.recv_fds(self.control, 1 << 20, 3)
            if not data:
                self._end()
                remove(self.scratch)  # the judge does so too, unless it was killed
                return
            try:
                answer = self._do(json.loads(data), descriptors)
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)
            self._reply(answer)

    def _reply(self, message: dict[str, Any]) -> None:
        self.control.sendall(json.dumps(message).encode() + b"\n")

    def _do(self, request: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        if request["do"] == "start":
            self.walls = Walls.of(request["walls"])
            return self._start(descriptors)
        if request["do"] == "inspect":
            return self._start_inspector(descriptors)
        if request["do"] == "prune":
            clean = end_all(os.getpid(), self.worker)
            self._forget_inspector()
            return {"clean": clean, "why": self._why()}
        return {"clean": self._end(), "why": self._why()}

    def _why(self) -> str:
        why, self.ended_for = self.ended_for, ""
        return why

    def _start(self, descriptors: list[int]) -> dict[str, Any]:
        assert self.walls is not None
        self._end()
        self.ended_for = ""
        self.written_before = written([os.getpid()])
        self.private = _private_folder(self.scratch, self.walls)
        self.worker = self._fork(self.private, descriptors, "coursegrade.sandbox.worker")
        return {"started": True}

    def _start_inspector(self, descriptors: list[int]) -> dict[str, Any]:
        assert self.walls is not None and self.inspecting is None
        self.inspecting = _private_folder(self.scratch, self.walls)
        self._fork(self.inspecting, descriptors, INSPECTOR)
        return {"started": True}

    def _fork(self, private: Path, descriptors: list[int], room: str) -> int:
        """Fork a process behind the walls, whose module `room` serves the judge."""
        assert self.walls is not None
        process = os.fork()
        if process == 0:
            status = 1
            try:
                self.control.close()
                if room == INSPECTOR or not self.walls.gpu:
                    os.environ.update(gpu_devices.HIDDEN)
                _live(self.walls, private, descriptors, room)
                status = 0
            except BaseException:
                traceback.print_exc()  # into the learner's log
            finally:
                os._exit(status)
        return process

    def _forget_inspector(self) -> None:
        if self.inspecting is not None:
            remove(self.inspecting)
            self.inspecting = None

    def _look(self) -> None:
        """End what holds too much; collect what has died."""
        assert self.walls is not None
        family = descendants(os.getpid())
        caps = self.walls.caps
        self.looks += 1
        if memory(family) > caps.memory:
            self._end_for(f"more than {caps.memory / 2**30:g} GiB of memory", family)
        elif written([os.getpid(), *family]) - self.written_before > 2 * caps.disk:
            self._end_for(f"more than {2 * caps.disk >> 20} MiB written to disk", family)
        elif self.looks % LOOK_AT_FILES == 0:
            held = [_contents(folder, caps.files) for folder in (self.private, self.inspecting) if folder is not None]
            if any(size > caps.disk or count > caps.files for size, count in held):
                self._end_for(f"more than {caps.disk >> 20} MiB or {caps.files:,} files on disk", family)
        if reap(self.worker):
            self.worker = None

    def _end_for(self, why: str, family: list[int]) -> None:
        """End the worker's children, or the worker itself if it has none."""
        self.ended_for = why
        children = [process for process in family if process != self.worker]
        end_all(os.getpid(), self.worker if children else None)

    def _end(self) -> bool:
        clean = end_all(os.getpid())
        self.worker = None
        self._forget_inspector()
        if self.private is not None:
            remove(self.private)
            self.private = None
        return clean


def _private_folder(scratch: Path, walls: Walls) -> Path:
    """Make the worker's only writable folder, with a course of its own in it to lead `coursekit.paths` to."""
    private = scratch / f"{time.monotonic_ns():x}"
    for name in ("home", "tmp", "cuda", "course/notebooks", "course/labs", "course/build"):
        (private / name).mkdir(parents=True)
    for ready in (scratch / CUDA).iterdir():  # to read; what this process compiles stays its own
        (private / "cuda" / ready.name).symlink_to(ready)
    (private / "course" / "data").symlink_to(walls.reachable.data)
    if walls.reachable.trained:
        (private / "course" / "build" / "digitnet.pt").symlink_to(walls.reachable.trained)
    private.chmod(0o700)
    if walls.user is not None:
        for folder in (private, *(each for each in private.rglob("*") if each.is_dir() and not each.is_symlink())):
            os.chown(folder, walls.user, walls.user)
    return private


def _live(walls: Walls, private: Path, descriptors: list[int], room: str) -> None:
    """Become a worker or an inspector: what the forked child does until it ends."""
    read_from, write_to, log = descriptors
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    # Only the channel (3, 4) and the log (1, 2) stay open; first out of the way of each other's numbers.
    moved = [os.dup2(each, 100 + i) for i, each in enumerate((nothing, log, log, read_from, write_to))]
    for number, each in enumerate(moved):
        os.dup2(each, number)
    os.closerange(5, 4096)
    os.environ.update(
        HOME=str(private / "home"), TMPDIR=str(private / "tmp"), MPLCONFIGDIR=str(private / "home"),
        COURSE_ROOT=str(private / "course"), USER="learner", LOGNAME="learner", NOGPU_CACHE_DIR=str(private / "cuda"),
    )  # fmt: skip
    tempfile.tempdir = os.environ["TMPDIR"]  # a package imported before the fork may have asked for it
    os.chdir(private / "course" / "labs")
    os.umask(0o077)
    channel = Channel(3, 4)
    with contextlib.suppress(OSError):  # if the machine itself runs out of memory, this goes first
        Path("/proc/self/oom_score_adj").write_text("1000")
    try:
        confine(walls, private)
    except CannotConfine as problem:
        channel.send({"ready": False, "problem": str(problem)})
        return
    importlib.import_module(room).serve(channel)


def _contents(folder: Path, most: int) -> tuple[int, int]:
    """Return the size in bytes and the number of files below a folder; counts no further than `most` files."""
    size = count = 0
    for place, _, names in os.walk(folder):
        count += 1
        for name in names:
            count += 1
            try:
                size += os.lstat(f"{place}/{name}").st_blocks * 512
            except OSError:
                continue
        if count > most:
            break
    return size, count


def _import_what_workers_need() -> None:
    """Import slow packages once, here; no reference answer is among them."""
    import torch

    for name in WARM:
        importlib.import_module(name)
    torch.set_num_threads(1)  # a forked process cannot use threads that its parent started
    gc.collect()
    gc.freeze()


def _keep() -> None:
    """Fork; the child goes on as the nursery, this process waits and ends whatever the nursery leaves behind."""
    nursery = os.fork()
    if nursery == 0:
        return

    def end(*_: object) -> None:
        end_all(os.getpid())
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    while not reap(nursery):
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
    end()


def main() -> None:
    """Serve the judge that started this process; arguments: the control socket, the scratch folder, perhaps "warm"."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    if sys.platform.startswith("linux"):
        library = ctypes.CDLL(None)
        library.prctl(SUBREAPER, 1, 0, 0, 0)
        _keep()
        library.prctl(SUBREAPER, 1, 0, 0, 0)
        library.prctl(NOT_DUMPABLE, 0, 0, 0, 0)  # no worker may look into it
    if sys.argv[3:] == ["warm"]:
        _import_what_workers_need()
    Nursery(control, Path(sys.argv[2])).serve()
