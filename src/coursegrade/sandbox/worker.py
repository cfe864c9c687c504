"""The learner's process: runs a notebook's cells and performs what the judge asks of the objects they made.

`sandbox.nursery` forks it, confines it and calls `serve`. It knows no reference answer and decides nothing. When
the cells have run, the judge has it branch for each task: a fork answers that task's questions and is ended after it,
so that no task sees what another did.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import linecache
import os
import sys
from collections.abc import Callable
from typing import Any

from coursegrade.sandbox.channel import Channel, ChannelError, NotAMessage, decode, encode
from coursekit.student import Bench, Raised, raised


class NotebookShell:
    """Stands in for IPython's shell where a cell uses a magic: line magics do nothing, %%time only runs its cell."""

    def __init__(self, run: Callable[[str], None]) -> None:
        self.run = run

    def run_line_magic(self, *arguments: Any, **keywords: Any) -> None:
        """Ignore `%matplotlib inline` and its like."""

    def run_cell_magic(self, name: str, line: str, source: str) -> None:
        """Run the cell below `%%time` and `%%capture`; refuse `%%bash` and its like."""
        if name not in ("time", "capture"):
            raise Raised("RuntimeError", f"the grader does not run the cell magic %%{name}")
        self.run(source)

    def system(self, command: str) -> None:
        """Refuse `!command`."""
        raise Raised("RuntimeError", f"the grader does not run the shell command !{command}")

    getoutput = system


class Notebook:
    """A learner's notebook being run: one namespace for all its cells, and the bench for the judge's questions."""

    def __init__(self) -> None:
        from IPython.core.inputtransformer2 import TransformerManager

        shell = NotebookShell(self._execute)
        self.namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
        self.namespace["get_ipython"] = lambda: shell
        self.namespace["display"] = lambda *things, **keywords: None
        self.transform = TransformerManager().transform_cell
        self.bench = Bench(self.namespace)
        self.cell = ""  # the name of the one that runs

    def _execute(self, source: str) -> None:
        python = self.transform(source)
        linecache.cache[self.cell] = (len(python), None, python.splitlines(True), self.cell)
        exec(compile(python, self.cell, "exec"), self.namespace)

    def run_cell(self, name: str, source: str) -> None:
        """Execute one cell; Raised if it does not compile or raises."""
        self.cell = name
        try:
            self._execute(source)
        except Raised:
            raise
        except SyntaxError as error:
            line = (error.text or "").strip()
            raise Raised("SyntaxError", f"{error.msg} (line {error.lineno} of the cell)", line) from None
        except Exception as error:
            raise raised(error) from None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what one message asks and describe the result, or what was raised, as the reply."""
        arguments = decode(request["arguments"])
        try:
            if request["operation"] == "run_cell":
                self.run_cell(*arguments)
                return {"value": encode(None)}
            return {"value": encode(self.bench.perform(request["operation"], arguments))}
        except Raised as error:
            return {"raised": [error.kind[:80], error.text[:2000], error.line[:200]]}
        except SystemExit:
            return {"raised": ["SystemExit", "the code asked Python to exit", ""]}
        except KeyboardInterrupt:
            return {"raised": ["KeyboardInterrupt", "", ""]}
        except Exception as error:  # a value that cannot be copied, such as a nested or meta tensor
            return {"raised": [type(error).__name__[:80], str(error)[:2000], ""]}


def serve(channel: Channel) -> None:
    """Answer the judge until it closes the channel or this process is ended from outside."""
    prepare()
    notebook = Notebook()
    channel.send({"ready": True})
    while True:
        try:
            request = channel.receive()
        except ChannelError:
            return
        if request.get("operation") == "sync":
            channel.send({"ready": str(request["word"])})
            continue
        if request.get("operation") == "branch":
            _forget_dead_children()
            branch = os.fork()
            if branch != 0:
                _resume(channel, branch, str(request["word"]))
                continue
            import torch

            torch.set_num_threads(1)  # whatever the notebook set: threads do not survive a fork
            continue
        answer = notebook.answer(request)
        with contextlib.suppress(Exception):  # what it printed, now; the code may have put anything in its place
            sys.stdout.flush()
        channel.send(answer)


def _forget_dead_children() -> None:
    """Collect what the cells had started and the grader has ended: it counts among the processes allowed."""
    with contextlib.suppress(OSError):
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass


def _resume(channel: Channel, branch: int, word: str) -> None:
    """Wait for the branch's end, pass over what it left unread, and tell the judge at its word."""
    with contextlib.suppress(OSError):
        os.waitpid(branch, 0)
    channel.buffer.clear()  # the branch had a copy
    channel.write_apart({"ended": True})  # if it ended by itself, the judge still waits for its answer
    while True:
        with contextlib.suppress(NotAMessage):
            if channel.receive() == {"operation": "resume", "word": word}:
                return channel.write_apart({"ready": word})


def prepare() -> None:
    """Make the libraries fit a process without shared memory, and `check(...)` in a cell harmless."""
    from torch.utils.data import DataLoader

    import coursekit.checks

    ordinary = DataLoader.__init__

    @functools.wraps(ordinary)
    def in_this_process(self: Any, *arguments: Any, **keywords: Any) -> None:
        for name in ("num_workers", "prefetch_factor", "persistent_workers", "multiprocessing_context"):
            keywords.pop(name, None)
        if len(arguments) > 5:  # the sixth is num_workers
            arguments = (*arguments[:5], 0, *arguments[6:])
        ordinary(self, *arguments, **keywords)

    DataLoader.__init__ = in_this_process  # type: ignore[method-assign]
    coursekit.checks.check = lambda number: None  # the judge checks; the reference answers are not here
