"""What a check sees of a learner's work: names to read and functions to call, never the live objects themselves.

A check is written once against `Student`. In a notebook it is a `LocalStudent` over the learner's own namespace; in
`course grade` it is a proxy whose learner sits in another process. So that both behave alike, values cross by copy
and only plain ones do: None, bool, int, float, str, bytes, lists, tuples, dicts with str keys, NumPy arrays of
numbers, and torch tensors (as copies on the CPU, dtype kept). Anything else (a model, an optimizer, a function) stays
where it is, and the check holds a `Handle` to it.
"""

from __future__ import annotations

import importlib
import linecache
import sysconfig
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

NOT_THE_LEARNERS = [
    Path(__file__).parent,
    Path(__file__).parent.parent / "nogpu",
    *(Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")),
]
FIXTURES = ("coursekit.", "torch.", "numpy.")  # what `Student.make` may import


class Raised(Exception):
    """The learner's code raised. `kind` is the exception's class name, `line` the learner's source line, if known."""

    def __init__(self, kind: str, text: str, line: str = "") -> None:
        super().__init__(kind, text, line)
        self.kind, self.text, self.line = kind, text, line

    def __str__(self) -> str:
        text = self.text.strip().splitlines()[0][:300] if self.text.strip() else ""
        said = f"{self.kind}: {text}" if text else self.kind
        return said + (f", at the line `{self.line}`" if self.line else "")


class Student(ABC):
    """The learner's work, as far as a check may see it."""

    @abstractmethod
    def ask(self, operation: str, *arguments: Any) -> Any:
        """Perform one operation of `Bench` where the learner's code lives; Raised if the learner's code raises."""

    def has(self, name: str) -> bool:
        """Say whether the learner's notebook defines `name`."""
        return bool(self.ask("has", name))

    def get(self, name: str, *, keep: bool = False) -> Any:
        """Return the value of a name: a copy if it is plain and `keep` is false, else a Handle."""
        return self._taken(self.ask("get", name, keep))

    def call(self, function: str | Handle, *arguments: Any, keep: bool = False, **keywords: Any) -> Any:
        """Call a function of the learner's (by name, or a Handle) with copies of plain arguments and with Handles.

        Tensors and arrays given are copied, so the learner cannot change the check's own. With keep=True the result
        stays with the learner and a Handle to it is returned, to ask for `requires_grad` or `stride()`, say.
        """
        target = function.number if isinstance(function, Handle) else function
        return self._taken(self.ask("call", target, list(arguments), keywords, keep))

    def make(self, what: str, *arguments: Any, **keywords: Any) -> Handle:
        """Build an object beside the learner's code from the course or torch: make("coursekit.models:DigitNet").

        `what` is "module:name", the module one of coursekit's, torch's or NumPy's; it is called with the arguments.
        """
        return self._taken(self.ask("make", what, list(arguments), keywords))

    def seed(self, number: int) -> None:
        """Seed torch, NumPy and random where the learner's code runs."""
        self.ask("seed", number)

    def inspect(self, source: str, kernel: str, *arguments: Any, **launch: Any) -> Any:
        """Run a kernel of the learner's CUDA C text under the sanitizer and return its Report (`coursekit.inspect`).

        `arguments` are NumPy arrays, changed in place, and NumPy scalars; `launch` is block=, grid=, shared=, options=,
        orders=. A kernel needs nothing of the learner's Python: `course grade` runs it in a fresh sandbox.
        """
        from coursekit.inspection import inspect

        return inspect(source, kernel, *arguments, **launch)

    def _taken(self, value: Any) -> Any:
        """Give each Handle in a reply its way back to this student."""
        if isinstance(value, Handle):
            value.student = self
        elif isinstance(value, list | tuple):
            for item in value:
                self._taken(item)
        elif isinstance(value, dict):
            for item in value.values():
                self._taken(item)
        return value


@dataclass(eq=False)
class Handle:
    """A live object that stays with the learner: a model, a data loader, a tensor with its graph."""

    number: int
    type_name: str
    student: Student | None = None

    def call(self, method: str, *arguments: Any, keep: bool = False, **keywords: Any) -> Any:
        """Call a method of the object; "__call__" calls the object itself."""
        assert self.student is not None
        answer = self.student.ask("call_method", self.number, method, list(arguments), keywords, keep)
        return self.student._taken(answer)

    def attribute(self, path: str, *, keep: bool = False) -> Any:
        """Read an attribute; dots reach further: "weight.grad"."""
        assert self.student is not None
        return self.student._taken(self.student.ask("attribute", self.number, path, keep))

    def value(self) -> Any:
        """Return a copy of the object if it is plain, else this handle's equal."""
        assert self.student is not None
        return self.student._taken(self.student.ask("value", self.number))


class Bench:
    """The other side of `Student.ask`: performs the operations on a live namespace and keeps the handled objects."""

    def __init__(self, namespace: MutableMapping[str, Any]) -> None:
        self.namespace = namespace
        self.kept: dict[int, Any] = {}

    def perform(self, operation: str, arguments: list[Any]) -> Any:
        """Do one operation; whatever the learner's code raises leaves as Raised."""
        action: Callable[..., Any] = getattr(self, f"do_{operation}")
        try:
            return action(*arguments)
        except Raised:
            raise
        except Exception as error:
            raise raised(error) from None

    def do_has(self, name: str) -> bool:
        return name in self.namespace

    def do_get(self, name: str, keep: bool) -> Any:
        if name not in self.namespace:
            raise Raised("NameError", f"your notebook does not define {name}")
        return self._out(self.namespace[name], keep)

    def do_call(self, function: str | int, arguments: list[Any], keywords: dict[str, Any], keep: bool) -> Any:
        target = self.kept[function] if isinstance(function, int) else self.namespace.get(function)
        if not callable(target):
            raise Raised("TypeError", f"{function} should be a function or a class; it is {type(target).__name__}")
        return self._out(target(*self._in(arguments), **self._in(keywords)), keep)

    def do_call_method(self, number: int, method: str, arguments: list[Any], keywords: Any, keep: bool) -> Any:
        target = self.kept[number]
        bound = target if method == "__call__" else getattr(target, method)
        return self._out(bound(*self._in(arguments), **self._in(keywords)), keep)

    def do_attribute(self, number: int, path: str, keep: bool) -> Any:
        value = self.kept[number]
        for name in path.split("."):
            value = getattr(value, name)
        return self._out(value, keep)

    def do_value(self, number: int) -> Any:
        return self._out(self.kept[number], False)

    def do_make(self, what: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        module, _, name = what.partition(":")
        if not f"{module}.".startswith(FIXTURES):
            raise ValueError(f"a check may make objects of coursekit, torch and numpy only, not {what}")
        factory = importlib.import_module(module)
        for part in name.split("."):
            factory = getattr(factory, part)
        return self._out(factory(*self._in(arguments), **self._in(keywords)), True)  # type: ignore[operator]

    def do_seed(self, number: int) -> None:
        import random

        import torch

        random.seed(number)
        np.random.seed(number % 2**32)
        torch.manual_seed(number)

    def _in(self, value: Any) -> Any:
        """Copy plain arguments and put the live object in place of each Handle."""
        if isinstance(value, Handle):
            return self.kept[value.number]
        if isinstance(value, list | tuple):
            return type(value)(self._in(item) for item in value)
        if isinstance(value, dict):
            return {key: self._in(item) for key, item in value.items()}
        return copy_plain(value)

    def _out(self, value: Any, keep: bool) -> Any:
        """Copy a plain result; keep anything else and send a Handle."""
        if keep:
            return self._handle(value)
        if type(value) in (list, tuple):
            return type(value)(self._out(item, False) for item in value)
        if type(value) is dict and all(type(key) is str for key in value):
            return {key: self._out(item, False) for key, item in value.items()}
        if isinstance(value, dict) and all(type(key) is str for key in value):  # a state_dict is an OrderedDict
            return {key: self._out(item, False) for key, item in value.items()}
        if isinstance(value, np.generic):
            value = value.item()
        return copy_plain(value) if is_plain(value) else self._handle(value)

    def _handle(self, value: Any) -> Handle:
        number = len(self.kept) + 1
        self.kept[number] = value
        return Handle(number, type(value).__name__)


class LocalStudent(Student):
    """The learner whose notebook this is: the check runs in the same process, on the live namespace."""

    def __init__(self, namespace: MutableMapping[str, Any]) -> None:
        self.bench = Bench(namespace)

    def ask(self, operation: str, *arguments: Any) -> Any:
        return self.bench.perform(operation, list(arguments))


def is_plain(value: Any) -> bool:
    """Say whether a single value (not a container) may cross by copy."""
    import torch

    if value is None or type(value) in (bool, int, float, str, bytes):
        return True
    if type(value) is np.ndarray:
        return value.dtype.kind in "biufc"
    # exactly a tensor or a parameter: a subclass could answer for itself
    return (
        type(value) in (torch.Tensor, torch.nn.Parameter) and value.layout == torch.strided and not value.is_quantized
    )


def copy_plain(value: Any) -> Any:
    """Return a copy of an array or tensor (detached, on the CPU, contiguous); other values as they are."""
    import torch

    if isinstance(value, np.ndarray):
        return np.array(value, copy=True)
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().contiguous().clone()
    return value


def raised(error: BaseException) -> Raised:
    """Describe an exception of the learner's code by its class, its message and the learner's own line."""
    line = ""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if not any(file.is_relative_to(folder) for folder in NOT_THE_LEARNERS) and file.name[:7] != "<frozen":
            line = (frame.line or linecache.getline(frame.filename, frame.lineno or 0)).strip()
            break
    return Raised(type(error).__name__, str(error), line)
