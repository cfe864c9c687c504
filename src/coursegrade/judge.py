"""The judge: grades one submission. The learner's code runs in a process of its own, the checks run here.

A process that hangs, dies or talks nonsense costs the task that it did so in; a fresh one takes the next task.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from coursegrade.channel import Channel, ChannelError, TooLate, decode, encode
from coursegrade.reader import Cell, Submission
from coursekit.checks import Lab, Outcome, Task, all_labs
from coursekit.paths import root
from coursekit.student import Raised, Student


@dataclass(frozen=True)
class Limits:
    """How long a learner's code may take, in seconds."""

    start: float = 60.0  # until the process answers for the first time
    cell: float = 60.0
    question: float = 30.0  # one call of a learner's function
    lab: float = 300.0  # everything together


@dataclass
class LabResult:
    """The outcomes of one submission's tasks, in order, and what its owner should know."""

    submission: Submission
    lab: Lab
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def score(self) -> int:
        """Return the points earned."""
        return sum(outcome.earned for outcome in self.outcomes)


class Worker(Student):
    """The learner's process, and the `Student` that the checks see of it."""

    def __init__(self, limits: Limits) -> None:
        to_worker, from_judge = os.pipe()
        to_judge, from_worker = os.pipe()
        command = [sys.executable, "-m", "coursegrade.worker", str(to_worker), str(from_worker)]
        quiet = subprocess.DEVNULL
        environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}  # or waiting threads burn the cores that others need
        self.limits = limits
        self.process = subprocess.Popen(
            command,
            stdin=quiet,
            stdout=quiet,
            stderr=quiet,
            pass_fds=(to_worker, from_worker),
            cwd=root() / "labs",
            env=environment,
        )
        os.close(to_worker)
        os.close(from_worker)
        self.channel = Channel(to_judge, from_judge)
        self.channel.receive(limits.start)

    def ask(self, operation: str, *arguments: Any) -> Any:
        return self._request(operation, list(arguments), self.limits.question)

    def run_cell(self, cell: Cell) -> None:
        """Run one of the notebook's cells; Raised if it raises."""
        self._request("run_cell", [f"cell {cell.position}", cell.source], self.limits.cell)

    def _request(self, operation: str, arguments: list[Any], seconds: float) -> Any:
        self.channel.send({"operation": operation, "arguments": encode(arguments)}, seconds)
        reply = self.channel.receive(seconds)
        if "raised" in reply:
            kind, text, line = (str(part) for part in reply["raised"])
            raise Raised(kind, text, line)
        return decode(reply.get("value"))

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self.process.kill()
        self.process.wait()
        self.channel.close()


class Session:
    """One submission under way: runs its cells, again after a process is lost, without the cells that lost it."""

    def __init__(self, submission: Submission, limits: Limits) -> None:
        self.submission, self.limits = submission, limits
        self.end = time.monotonic() + limits.lab
        self.worker: Worker | None = None
        self.left_out: dict[int, str] = {}  # position of a cell that is not run again, and why
        self.errors: dict[str, Raised] = {}  # what each task's cell raised, by task
        self.lost: dict[str, str] = {}  # the task whose cell took the process down, and how

    def student(self) -> Worker:
        """Return a live process that has run the notebook's cells."""
        while self.worker is None:
            worker = Worker(self.limits)
            try:
                self._run_cells(worker)
            except ChannelError:
                worker.close()
            else:
                self.worker = worker
        return self.worker

    def _run_cells(self, worker: Worker) -> None:
        for cell in self.submission.cells:
            if cell.position in self.left_out:
                continue
            try:
                worker.run_cell(cell)
            except Raised as error:
                if cell.task:
                    self.errors[cell.task] = error
            except ChannelError as error:
                why = _how_it_ended(error, self.limits.cell, "cell")
                self.left_out[cell.position] = why
                if cell.task:
                    self.lost[cell.task] = why
                raise

    def decide(self, task: Task) -> Outcome:
        """Run the check of one task and word what the notebook's own cells say about it."""
        if time.monotonic() > self.end:
            return Outcome(task, "failed", f"The lab's time was up: {self.limits.lab:g} s for all its cells and tasks")
        seed = hashlib.sha256(f"{task.number}{[cell.source for cell in self.submission.cells]}".encode()).digest()
        try:
            outcome = task.run(self.student(), np.random.default_rng(list(seed)))
        except ChannelError as error:
            self.close()
            return Outcome(task, "failed", _how_it_ended(error, self.limits.question, "call of your code"))
        if outcome.state != "not attempted":
            return outcome
        if task.number in self.lost:
            return Outcome(task, "failed", self.lost[task.number])
        raised = self.errors.get(task.number)
        if raised is not None and not (raised.kind == "NotImplementedError" and not raised.text):
            return Outcome(task, "failed", f"The task's cell raised {raised}")
        return outcome

    def close(self) -> None:
        """End the learner's process if there is one."""
        if self.worker is not None:
            self.worker.close()
            self.worker = None


def _how_it_ended(error: ChannelError, seconds: float, what: str) -> str:
    if isinstance(error, TooLate):
        return f"One {what} ran longer than {seconds:g} s and was stopped; is there a loop that never ends?"
    return f"Python itself ended in the middle of one {what} ({error})"


def judge(submission: Submission, limits: Limits | None = None) -> LabResult:
    """Grade a submission: every task of its lab gets an outcome. KeyError if there is no such lab."""
    result = LabResult(submission, all_labs()[submission.lab])
    session = Session(submission, limits or Limits())
    try:
        for task in result.lab.tasks.values():
            result.outcomes.append(session.decide(task))
    finally:
        session.close()
    return result
