"""The sandbox as the judge sees it: one learner's process at a time, behind the best walls that this machine has.

The rungs, best first: bubblewrap (a view of the machine with nothing else in it), Landlock (the process gives up files,
network and other processes), none. Both real rungs also limit memory, disk, processes and system calls, and as root
give the process a spare user. Grading one's own work falls from rung to rung; other people's work stops above none.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from coursegrade.sandbox import bubblewrap, cuda_files, landlock, memory_group, seccomp
from coursegrade.sandbox.channel import Channel, Log
from coursegrade.sandbox.confinement import Caps, Walls
from coursegrade.sandbox.cuda_files import CUDA
from coursegrade.sandbox.reachable import code_paths, reachable
from coursegrade.sandbox.removal import remove
from coursekit.paths import root

Rung = Literal["bubblewrap", "landlock", "none"]
LADDER: tuple[Rung, ...] = ("bubblewrap", "landlock", "none")
SAFE: tuple[Rung, ...] = ("bubblewrap", "landlock")
CURE = "sudo apt-get install bubblewrap"
OWN_RISK = "For work that you trust as your own there is --trust-me."
SPARE_USERS = range(60706, 61184)  # used by nobody: systemd's list of users and groups, UIDS-GIDS.md
START_SECONDS, ANSWER_SECONDS = 120.0, 30.0


class SandboxError(Exception):
    """This rung does not hold on this machine, or its nursery was lost; the message says how."""


class Sandbox:
    """A nursery on one rung, started at once and again if it is lost. Close it, or use it in a `with` block.

    warm: it imports torch and the like before the first worker, which pays as soon as there are several.
    """

    def __init__(self, rung: Rung, caps: Caps | None = None, landlock_version: int = 0, warm: bool = True) -> None:
        self.rung: Rung = rung
        self.warm = warm
        self.scratch = Path(tempfile.mkdtemp(prefix="course-grade-")).resolve()
        self.scratch.chmod(0o711)
        self.cuda = self.scratch / CUDA  # what nogpu needs, compiled; filled when a learner's code needs it
        self.cuda.mkdir()
        self.cuda.chmod(0o755)
        self.user_lock: socket.socket | None = None
        confined = rung != "none"
        user = self._spare_user() if confined and os.getuid() == 0 else None
        inside = rung == "landlock" or (rung == "bubblewrap" and landlock.abi() > 0 and landlock_version >= 0)
        self.walls = Walls(
            landlock=inside,
            filter=confined,
            user=user,
            reads_all_folders=user is not None and not _open_to_all(),
            caps=caps or Caps(),
            reachable=reachable(self.cuda),
            landlock_version=max(landlock_version, 0),
        )
        self.group = memory_group.make(self.walls.caps.memory)
        self.process: subprocess.Popen[bytes] | None = None
        self.control: socket.socket | None = None
        self.complaints = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as this object
        try:
            self._start_nursery()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self, gpu: bool = False) -> Channel:
        """Fork a learner's process, ending the one before; SandboxError if its walls cannot be put up.

        `gpu`: it may use the machine's NVIDIA GPUs, if there are any; then it must not fork for its tasks.
        """
        for last in (False, True):
            try:
                if self.process is None or self.process.poll() is not None:
                    self._start_nursery()
                return self._forked({"do": "start", "walls": replace(self.walls, gpu=gpu).text()})
            except SandboxError:
                self._end_nursery()
                if last:
                    raise
        raise AssertionError("the loop returns or raises")

    def start_inspector(self) -> Channel:
        """Fork a process that inspects kernels, beside the learner's; the next `prune` or `end` ends it."""
        self.provide_cuda()
        return self._forked({"do": "inspect"})

    def provide_cuda(self) -> None:
        """Have what nogpu needs compiled, for the processes started from now on; SandboxError if it cannot be."""
        if not any(self.cuda.iterdir()):
            try:
                cuda_files.provide(self.cuda, code_paths())
            except cuda_files.NotCompiled as problem:
                raise SandboxError(f"kernels cannot be compiled: {problem}") from None

    def _forked(self, request: dict[str, Any]) -> Channel:
        """Have the nursery fork a process and return our ends of a channel to it."""
        to_worker, from_judge = os.pipe()
        to_judge, from_worker = os.pipe()
        log, prints = os.pipe()
        theirs = (to_worker, from_worker, prints)
        channel = Channel(to_judge, from_judge, Log(log))
        try:
            self._ask(request, theirs)
            return channel
        except SandboxError:
            channel.close()
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)

    def prune(self) -> str:
        """End whatever the learner's process has started; return why the watch ended something, or ""."""
        return self._clean("prune")

    def end(self) -> str:
        """End the learner's process and all that it has started, and remove its files; return as `prune` does."""
        return self._clean("end")

    def _clean(self, what: str) -> str:
        try:
            answer = self._ask({"do": what})
        except SandboxError:
            self._end_nursery()
            return ""
        if not answer["clean"]:
            self._end_nursery()
        return str(answer["why"])

    def close(self) -> None:
        """End everything and remove the scratch folder."""
        self._end_nursery()
        if self.group is not None:
            self.group.close()
        remove(self.scratch)
        self.complaints.close()
        if self.user_lock is not None:
            self.user_lock.close()
            self.user_lock = None

    def _start_nursery(self) -> None:
        self._end_nursery()
        ours, theirs = socket.socketpair()
        code = f"import sys; sys.path[:0] = {code_paths()!r}; from coursegrade.sandbox.nursery import main; main()"
        program = [sys.executable, "-I", "-c", code, str(theirs.fileno()), str(self.scratch)]
        program += ["warm"] * self.warm
        if self.rung == "bubblewrap":
            program = bubblewrap.command(self.walls.reachable, self.scratch, program)
        if self.group is not None:
            program = self.group.command(program)
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(Path.home()) if self.rung != "bubblewrap" else str(self.scratch),
            "MPLBACKEND": "agg",
            "COURSE_ROOT": str(root()),
            "COURSE_HEADLESS": "1",
            "OMP_WAIT_POLICY": "PASSIVE",  # waiting threads would burn the cores that others need
            "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # or asking whether there is a GPU would spoil CUDA for every fork
            "TRITON_INTERPRET": "1",  # Triton reads it once, when torch's warm-up first imports it
        }
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            environment[name] = "1"
        quiet = subprocess.DEVNULL
        try:
            self.process = subprocess.Popen(
                program, stdin=quiet, stdout=quiet, stderr=self.complaints, env=environment, cwd=self.scratch,
                pass_fds=(theirs.fileno(),), start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            ours.close()
            raise SandboxError(f"{program[0]} does not start: {error.strerror}") from None
        finally:
            theirs.close()
        self.control = ours
        self._answer(START_SECONDS)

    def _end_nursery(self) -> None:
        """Close the control socket, at which the nursery ends all its workers; by force if it does not."""
        if self.control is not None:
            self.control.close()
            self.control = None
        if self.process is not None:
            for send in (None, self.process.terminate, self.process.kill):
                if send is not None:
                    send()
                try:
                    self.process.wait(20)
                    break
                except subprocess.TimeoutExpired:
                    continue
            self.process = None

    def _ask(self, request: dict[str, Any], descriptors: tuple[int, ...] = ()) -> dict[str, Any]:
        if self.control is None:
            raise SandboxError("the nursery is gone")
        try:
            socket.send_fds(self.control, [json.dumps(request).encode()], list(descriptors))
        except OSError as error:
            raise SandboxError(f"the nursery is gone: {error.strerror}") from None
        return self._answer(ANSWER_SECONDS)

    def _answer(self, seconds: float) -> dict[str, Any]:
        assert self.control is not None
        end, data = time.monotonic() + seconds, b""
        while not data.endswith(b"\n"):
            if not select.select([self.control], [], [], max(end - time.monotonic(), 0))[0]:
                raise SandboxError(f"no answer from the nursery within {seconds:g} s")
            try:
                piece = self.control.recv(65536)
            except OSError:
                piece = b""
            if not piece:
                raise SandboxError(f"the {self.rung} nursery ended: {self._last_complaint()}")
            data += piece
        answer: dict[str, Any] = json.loads(data)
        return answer

    def _last_complaint(self) -> str:
        self.complaints.seek(0)
        lines = self.complaints.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def _spare_user(self) -> int:
        """Take a user that no other sandbox on this machine uses now: the kernel's list of sockets says so."""
        for user in SPARE_USERS:
            lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                lock.bind(f"\0course-grade-user-{user}")
            except OSError:
                lock.close()
                continue
            self.user_lock = lock
            return user
        raise SandboxError("all spare users are taken")


def _open_to_all() -> bool:
    """Say whether any user may reach Python, torch and the course, or whether they lie in a closed folder."""
    import torch

    for path in (os.__file__, torch.__file__, sys.executable, *(f"{place}/coursekit" for place in code_paths())):
        for place in (Path(path), Path(path).resolve()):
            for folder in place.parents:
                if not folder.stat().st_mode & 0o001:
                    return False
            if not place.stat().st_mode & 0o004:
                return False
    return True


def open_sandbox(allowed: tuple[Rung, ...] = LADDER, caps: Caps | None = None, warm: bool = True) -> Sandbox:
    """Return a sandbox on the best rung that really holds here; SandboxError, with the cure, if none allowed does."""
    refusals = []
    for rung in allowed:
        if rung == "bubblewrap" and not bubblewrap.installed():
            refusals.append("bubblewrap is not installed")
            continue
        if rung == "landlock" and not (landlock.abi() and seccomp.supported()):
            refusals.append("this kernel has no Landlock (Linux 5.13 and later have it)")
            continue
        sandbox = None
        try:
            sandbox = Sandbox(rung, caps, warm=warm)
            _prove(sandbox)
            return sandbox
        except SandboxError as error:
            refusals.append(f"{rung}: {error}")
            if sandbox is not None:
                sandbox.close()
    raise SandboxError(f"no sandbox holds on this machine ({'; '.join(refusals)}). Try: {CURE}")


def _prove(sandbox: Sandbox) -> None:
    """Start one process on this rung and hear that its walls stand."""
    channel = sandbox.start()
    try:
        answer = channel.receive(START_SECONDS)
    except Exception as error:
        raise SandboxError(f"a first process did not answer ({error})") from None
    finally:
        channel.close()
        sandbox.end()
    if answer.get("ready") is not True:
        raise SandboxError(str(answer.get("problem")))
