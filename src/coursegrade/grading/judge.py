"""The judge: grades one submission. The learner's code runs in a sandbox (`sandbox.sandbox`), the checks run here.

The notebook's cells run once; each task is then asked of a fork of the process that ran them. Code that hangs, dies or
talks nonsense costs the task that it did so in, and no other.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from coursegrade.grading.inspection import Inspector
from coursegrade.grading.plain_text import clean
from coursegrade.grading.private_checks import together
from coursegrade.grading.reader import Cell, Submission, Unreadable, read
from coursegrade.sandbox.channel import SPOKE, ChannelError, NotAMessage, OutOfTurn, TooLate, decode, encode
from coursegrade.sandbox.sandbox import Sandbox, SandboxError, open_sandbox
from coursekit.checks import Lab, Outcome, Task, all_labs
from coursekit.student import Raised, Student

REJOIN_SECONDS = 15.0  # for the process that ran the cells to answer again; there is nothing for it to do but wake
# What a process has of CUDA, TensorRT or nogpu does not survive a fork.
USES_CUDA = re.compile(r"\b(pycuda|tensorrt|nogpu|inspect|__global__)\b")
MOST_STRAY = 1000  # messages that nobody asked for, before the process is given up


@dataclass(frozen=True)
class Limits:
    """How long a learner's code may take, in seconds on the judge's clock."""

    start: float = 60.0  # until the process answers for the first time
    cell: float = 60.0
    question: float = 60.0  # one call of a learner's function
    task: float = 120.0  # all questions of a task
    lab: float = 300.0  # everything together


@dataclass
class LabResult:
    """The outcomes of one submission's tasks, in order, and what its owner should know."""

    submission: Submission
    lab: Lab
    sandbox: str  # the rung that held: "bubblewrap", "landlock" or "none"
    seed: str  # the key that the tasks' random inputs came from, as hexadecimal digits
    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0
    task_seconds: list[float] = field(default_factory=list)
    log: str = ""  # the beginning of what the notebook printed
    remarks: tuple[str, ...] = ()  # on the notebook as a whole, for its owner
    unasked: int = 0  # tasks that no verdict was reached on: time was up, or the process was lost
    private: frozenset[str] = frozenset()  # the tasks that an instructor added; their reasons are not for students

    @property
    def score(self) -> int:
        """Return the points earned."""
        return sum(outcome.earned for outcome in self.outcomes)


class Worker(Student):
    """The learner's process, and the `Student` that the checks see of it."""

    def __init__(self, sandbox: Sandbox, limits: Limits, forks: bool = True) -> None:
        self.sandbox, self.limits = sandbox, limits
        self.forks = forks  # CUDA does not survive a fork: a notebook that uses it answers for all tasks itself
        self.channel = sandbox.start(gpu=not forks)
        self.end_of_task = self.end_of_lab = float("inf")
        self.inspector: Inspector | None = None
        answer = self.channel.receive(limits.start)
        if answer.get("ready") is not True:
            self.close()
            raise SandboxError(f"the sandbox did not hold: {answer.get('problem')}")

    def ask(self, operation: str, *arguments: Any) -> Any:
        return self._request(operation, list(arguments), self.limits.question)

    def inspect(self, source: str, kernel: str, *arguments: Any, **launch: Any) -> Any:
        if self.inspector is None:
            self.inspector = Inspector(self.sandbox, self.limits.start)
        return self.inspector.inspect(source, kernel, arguments, launch, self._at_most(self.limits.question))

    def _at_most(self, seconds: float) -> float:
        return min(seconds, max(min(self.end_of_task, self.end_of_lab) - time.monotonic(), 0.05))

    def run_cell(self, cell: Cell) -> None:
        """Run one of the notebook's cells; Raised if it raises."""
        try:
            self._request("run_cell", [f"cell {cell.position}", cell.source], self.limits.cell)
        except Raised:
            self._hear_again(0)
            raise
        self._hear_again(0)  # what this cell did to the process shall not be blamed on the next

    def _request(self, operation: str, arguments: list[Any], seconds: float) -> Any:
        seconds = self._at_most(seconds)
        self.channel.send({"operation": operation, "arguments": encode(arguments)}, seconds)
        reply = self.channel.receive(seconds)
        if "ended" not in reply:
            self.channel.expect_silence()
        if "raised" in reply:
            parts = reply["raised"] if isinstance(reply["raised"], list) else []
            kind, text, line = ([str(part)[:2000] for part in parts] + ["", "", ""])[:3]
            raise Raised(kind[:80], text, line[:200])
        if "value" not in reply:
            raise ChannelError("the process that was asked is gone")
        return decode(reply["value"])

    def branch(self) -> str:
        """Begin a task: questions are now answered by a fork of the process. Return the word that `rejoin` needs."""
        word = secrets.token_hex(16)
        self.sandbox.prune()  # what the cells left running would share the fork's limits and channel
        self._hear_again(MOST_STRAY)
        self.end_of_task = time.monotonic() + self.limits.task
        if self.forks:
            self.channel.send({"operation": "branch", "word": word}, self.limits.start)
        return word

    def rejoin(self, word: str) -> str:
        """End the task, the fork and all that it has started; return why the watch ended something, or "".

        ChannelError if the process that was forked does not answer again: it has to be replaced.
        """
        why = self.sandbox.prune()
        self._forget_inspector()
        self.end_of_task = float("inf")
        if self.forks:
            self.channel.write_apart({"operation": "resume", "word": word}, REJOIN_SECONDS)
            self._await(word, MOST_STRAY)
        else:
            self._hear_again(MOST_STRAY)
        return why

    def _hear_again(self, strays: int) -> None:
        """Make sure that the process listens and has answered all that was asked; ChannelError if not."""
        word = secrets.token_hex(16)
        self.channel.send({"operation": "sync", "word": word}, REJOIN_SECONDS)
        self._await(word, strays)

    def _await(self, word: str, strays: int) -> None:
        """Read until the process says `word`, passing over at most so many other messages."""
        end = time.monotonic() + REJOIN_SECONDS
        for _ in range(strays + 1):
            # a fork that was ended may have left half a message, or an answer that came too late
            with contextlib.suppress(NotAMessage):
                if self.channel.receive(max(end - time.monotonic(), 0)) == {"ready": word}:
                    return
        raise OutOfTurn(SPOKE)

    def close(self) -> str:
        """End the process, whatever it is doing; return why the watch ended it, if it did, or ""."""
        why = self.sandbox.end()
        self._forget_inspector()
        self.channel.close()
        return why

    def _forget_inspector(self) -> None:
        if self.inspector is not None:
            self.inspector.close()
            self.inspector = None


class Session:
    """One submission under way: runs its cells, again if the process is lost, without the cells that lost it."""

    def __init__(self, submission: Submission, limits: Limits, sandbox: Sandbox, key: bytes) -> None:
        self.submission, self.limits, self.sandbox, self.key = submission, limits, sandbox, key
        self.end = time.monotonic() + limits.lab
        self.uses_cuda = any(USES_CUDA.search(cell.source) for cell in submission.cells)
        self.worker: Worker | None = None
        self.left_out: dict[int, str] = {}  # position of a cell that is not run again, and why
        self.errors: dict[str, Raised] = {}  # what each task's cell raised, by task
        self.lost: dict[str, str] = {}  # the task whose cell took the process down, and how
        self.remarks = {-number: each for number, each in enumerate(submission.remarks)}  # by cell, those on none first
        self.log = ""
        self.unasked = 0

    def student(self) -> Worker:
        """Return a live process that has run the notebook's cells."""
        while self.worker is None:
            if self.uses_cuda:
                with contextlib.suppress(SandboxError):  # then the learner's own code says what is missing
                    self.sandbox.provide_cuda()
            worker = Worker(self.sandbox, self.limits, forks=not self.uses_cuda)
            worker.end_of_lab = self.end
            try:
                self._run_cells(worker)
            except ChannelError:
                pass
            else:
                self.worker = worker
            self.log = self.log or (worker.channel.log.text() if worker.channel.log else "")
            if self.worker is None:
                worker.channel.close()
        return self.worker

    def _run_cells(self, worker: Worker) -> None:
        for cell in self.submission.cells:
            if cell.position in self.left_out or time.monotonic() > self.end:
                continue
            try:
                worker.run_cell(cell)
            except Raised as error:
                if cell.task:
                    self.errors[cell.task] = error
                elif error.kind == "SyntaxError":  # others are usual where the tasks before are not solved yet
                    self.remarks[cell.position] = f"Cell {cell.position} raised {error}."
            except ChannelError as error:
                why = self._how_it_ended(error, self.limits.cell, "cell", self.sandbox.end())
                self.left_out[cell.position] = why
                if cell.task:
                    self.lost[cell.task] = why
                else:
                    self.remarks[cell.position] = f"Cell {cell.position} was left out. {why}"
                raise

    def decide(self, task: Task) -> Outcome:
        """Run the check of one task and word what the notebook's own cells say about it."""
        if time.monotonic() > self.end:
            self.unasked += 1
            return Outcome(task, "failed", f"The lab's time was up: {self.limits.lab:g} s for all its cells and tasks")
        outcome = self._ask_fork(task)
        if outcome.state != "not attempted":
            return outcome
        if task.number in self.lost:
            return Outcome(task, "failed", self.lost[task.number])
        raised = self.errors.get(task.number)
        if raised is not None and not (raised.kind == "NotImplementedError" and not raised.text):
            return Outcome(task, "failed", f"The task's cell raised {raised}")
        return outcome

    def _ask_fork(self, task: Task) -> Outcome:
        lost: ChannelError | None = None
        outcome = Outcome(task, "failed", "Your code could not be asked")
        try:
            worker = self.student()
            word = worker.branch()
        except ChannelError as error:
            self.close()
            self.unasked += 1
            return Outcome(task, "failed", self._how_it_ended(error, self.limits.start, "start of Python", ""))
        try:
            outcome = task.run(worker, np.random.default_rng(list(inputs(self.key, self.submission.sha256, task))))
        except ChannelError as error:
            lost = error
        except SandboxError:
            raise
        except Exception as error:  # a check that stumbles over a value of the learner's is the learner's loss
            what = f"Your answer has a form that the check cannot work with ({type(error).__name__}: {error})"
            outcome = Outcome(task, "failed", what, "Compare types and shapes with the task's description.")
        # a process that answers for all tasks, and did not answer for this one, has to be replaced
        why = self.close() if lost is not None and not worker.forks else self._rejoin(worker, word)
        if lost is not None or why:
            lost = lost or ChannelError(why)
            self.unasked += 1
            return Outcome(task, "failed", self._how_it_ended(lost, self.limits.question, "call of your code", why))
        return outcome

    def _rejoin(self, worker: Worker, word: str) -> str:
        try:
            return worker.rejoin(word)
        except ChannelError:
            return self.close()

    def close(self) -> str:
        """End the learner's process if there is one; return why the watch ended it, if it did, or ""."""
        if self.worker is None:
            return ""
        worker, self.worker = self.worker, None
        return worker.close()

    def _how_it_ended(self, error: ChannelError, seconds: float, what: str, why: str) -> str:
        if why:
            return f"Your code was stopped in one {what}: it needed {why}"
        if isinstance(error, TooLate) and time.monotonic() > self.end:
            return f"The lab's time was up: {self.limits.lab:g} s for all its cells and tasks"
        if isinstance(error, TooLate):
            seconds = min(seconds, self.limits.task)
            return f"One {what} ran longer than {seconds:g} s and was stopped: probably a loop that never ends"
        if isinstance(error, OutOfTurn):
            return f"Your code was stopped in one {what}: {error}"
        return f"Python itself ended in the middle of one {what} ({error})"


def _cleaned(outcome: Outcome) -> Outcome:
    """Return the outcome with the learner's words in it made safe to show."""
    return replace(outcome, what=clean(outcome.what), hint=clean(outcome.hint))


def inputs(key: bytes, sha256: str, task: Task) -> bytes:
    """Return the seed of a task's random inputs: unknown without the key, the same again with it."""
    return hmac.digest(key, bytes.fromhex(sha256) + task.number.encode(), hashlib.sha256)


@cache
def own_sandbox() -> Sandbox:
    """Return the best sandbox for one's own work, kept until this program ends."""
    sandbox = open_sandbox()
    atexit.register(sandbox.close)
    return sandbox


def read_lab(path: Path) -> Submission:
    """Read the notebook at `path`; Unreadable if it is none, or if there are no checks for its lab."""
    submission = read(path)
    if submission.lab not in all_labs():
        raise Unreadable(f"{path.name} is of lab {submission.lab}; there are checks for {', '.join(all_labs())}.")
    return submission


def judge(
    submission: Submission,
    limits: Limits | None = None,
    sandbox: Sandbox | None = None,
    key: bytes | None = None,
    private: Lab | None = None,
) -> LabResult:
    """Grade a submission: every task of its lab, then of `private`, gets an outcome. KeyError if there is no such lab.

    Without `sandbox` the best one for one's own work; without `key` a fresh one. SandboxError if it breaks down.
    """
    sandbox, key = sandbox or own_sandbox(), key or secrets.token_bytes(16)
    lab = all_labs()[submission.lab]
    result = LabResult(submission, lab if private is None else together(lab, private), sandbox.rung, key.hex())
    result.private = frozenset(private.tasks if private is not None else ())
    began = time.monotonic()
    session = Session(submission, limits or Limits(), sandbox, key)
    try:
        for task in result.lab.tasks.values():
            task_began = time.monotonic()
            result.outcomes.append(_cleaned(session.decide(task)))
            result.task_seconds.append(round(time.monotonic() - task_began, 3))
    finally:
        session.close()
    result.seconds, result.log = round(time.monotonic() - began, 3), session.log
    result.unasked = session.unasked
    result.remarks = tuple(map(clean, session.remarks.values()))
    return result
