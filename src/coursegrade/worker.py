"""The learner's process: runs a notebook's cells and performs what the judge asks of the objects they made.

Started by `coursegrade.judge` as `python -m coursegrade.worker READ WRITE` with the channel's two descriptors. It
knows no reference answer and decides nothing.
"""

from __future__ import annotations

import builtins
import importlib
import linecache
import os
import sys
from typing import Any

from coursegrade.channel import Channel, ChannelError, decode, encode
from coursekit.student import Bench, Raised, raised


class NotebookShell:
    """Stands in for IPython's shell where a cell uses a magic: line magics do nothing, the rest says so."""

    def run_line_magic(self, *arguments: Any, **keywords: Any) -> None:
        """Ignore `%matplotlib inline` and its like."""

    def run_cell_magic(self, name: str, *arguments: Any) -> None:
        """Refuse `%%bash` and its like."""
        raise RuntimeError(f"the grader does not run the cell magic %%{name}")

    def system(self, command: str) -> None:
        """Refuse `!command`."""
        raise RuntimeError(f"the grader does not run the shell command !{command}")

    getoutput = system


class Notebook:
    """A learner's notebook being run: one namespace for all its cells, and the bench for the judge's questions."""

    def __init__(self) -> None:
        from IPython.core.inputtransformer2 import TransformerManager

        shell = NotebookShell()
        self.namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
        self.namespace["get_ipython"] = lambda: shell
        self.namespace["display"] = lambda *things, **keywords: None
        self.transform = TransformerManager().transform_cell
        self.bench = Bench(self.namespace)

    def run_cell(self, name: str, source: str) -> None:
        """Execute one cell; Raised if it does not compile or raises."""
        try:
            python = self.transform(source)
            linecache.cache[name] = (len(python), None, python.splitlines(True), name)
            exec(compile(python, name, "exec"), self.namespace)
        except SyntaxError as error:
            line = (error.text or "").strip()
            raise Raised("SyntaxError", f"{error.msg} (line {error.lineno} of the cell)", line) from None
        except Exception as error:
            raise raised(error) from None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what one message asks and describe the result, or what was raised, as the reply."""
        try:
            arguments = decode(request["arguments"])
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


def main() -> None:
    """Serve the judge until it closes the channel."""
    channel = Channel(int(sys.argv[1]), int(sys.argv[2]))
    os.environ.setdefault("MPLBACKEND", "agg")
    importlib.import_module("torch")  # seconds that should not count against the learner's first cell
    notebook = Notebook()
    channel.send({"ready": True})
    while True:
        try:
            request = channel.receive()
        except ChannelError:
            return
        channel.send(notebook.answer(request))


if __name__ == "__main__":
    main()
