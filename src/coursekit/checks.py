"""Checks: what a lab's task asks of an answer, and how a wrong one is told what is wrong with it.

A lab's checks live in `coursekit.labs.lab_NN_*`; each is a function of a `Student` (see `coursekit.student`) and a
random generator, which returns if the answer is right and raises `Wrong` if not. The notebooks run them with
`check("3.2")`, `course grade` runs the very same objects against a student in another process.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from html import escape
from typing import Any, Literal, NoReturn

import numpy as np

from coursekit.student import LocalStudent, Raised, Student

State = Literal["passed", "failed", "not attempted"]
CheckFunction = Callable[[Student, np.random.Generator], None]


class Wrong(Exception):
    """An answer is wrong: `what` says what was seen, `hint` what to look at, `picture` draws it if that helps."""

    def __init__(self, what: str, hint: str = "", picture: Callable[[], Any] | None = None) -> None:
        super().__init__(what, hint)
        self.what, self.hint, self.picture = what, hint, picture


def require(condition: object, what: str, hint: str = "") -> None:
    """Raise Wrong(what, hint) unless the condition holds."""
    if not condition:
        raise Wrong(what, hint)


def expect_close(
    got: Any, expected: Any, what: str, hint: str = "", *, rtol: float = 1e-4, atol: float = 1e-5, picture: bool = True
) -> None:
    """Raise Wrong unless `got` is a tensor, array or number of `expected`'s kind, shape and dtype, with close values.

    `what` names the answer in a sentence's subject place ("your distances"); NaN equals NaN. Where the two are 1-D
    or 2-D, the failure carries a picture of where they differ.
    """
    import torch

    if isinstance(expected, torch.Tensor) and not isinstance(got, torch.Tensor):
        raise Wrong(f"{what} should be a torch tensor; it is {_kind(got)}", hint)
    if isinstance(expected, np.ndarray) and not isinstance(got, np.ndarray):
        raise Wrong(f"{what} should be a NumPy array; it is {_kind(got)}", hint)
    if isinstance(expected, float) and (isinstance(got, bool) or not isinstance(got, int | float)):
        raise Wrong(f"{what} should be a number; it is {_kind(got)}", hint)
    if isinstance(expected, torch.Tensor | np.ndarray):
        if tuple(got.shape) != tuple(expected.shape):
            raise Wrong(f"{what} should have the shape {_shape(expected)}; it has {_shape(got)}", hint)
        if got.dtype != expected.dtype:
            raise Wrong(f"{what} should have the dtype {_dtype(expected)}; it has {_dtype(got)}", hint)
    a, b = _double(got), _double(expected)
    wrong = ~np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=True)
    if not wrong.any():
        return
    place = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
    where = f" at index {tuple(int(i) for i in place)}" if wrong.ndim else ""
    count = f" ({int(wrong.sum())} of {wrong.size} values differ)" if wrong.size > 1 else ""
    seen = f"{what} should be {b[place]:.6g}{where}; it is {a[place]:.6g}{count}"
    raise Wrong(seen, hint, _difference(a, b) if picture and wrong.ndim in (1, 2) and wrong.size > 1 else None)


def _difference(got: np.ndarray, expected: np.ndarray) -> Callable[[], Any]:
    def draw() -> Any:
        from coursekit.plots import difference

        return difference(got, expected)

    return draw


def _double(value: Any) -> np.ndarray:
    import torch

    return np.asarray(value.double() if isinstance(value, torch.Tensor) else value, dtype=np.float64)


def _shape(value: Any) -> str:
    return str(tuple(int(n) for n in value.shape))


def _dtype(value: Any) -> str:
    return str(value.dtype).removeprefix("torch.")


def _kind(value: Any) -> str:
    name = getattr(value, "type_name", type(value).__name__)
    return "None (is a `return` missing?)" if value is None else f"of type {name}"


@dataclass(frozen=True, repr=False)
class Outcome:
    """What became of one task. Shows itself in a notebook (HTML) and in a terminal (text)."""

    task: Task
    state: State
    what: str = ""
    hint: str = ""
    picture: Callable[[], Any] | None = field(default=None, compare=False)

    @property
    def earned(self) -> int:
        """Return the points for this outcome: all or none."""
        return self.task.points if self.state == "passed" else 0

    def __str__(self) -> str:
        mark = {"passed": "✓", "failed": "✗", "not attempted": "·"}[self.state]
        state = "not yet attempted" if self.state == "not attempted" else self.state
        lines = [f"{mark} {self.task.number} {self.task.title}: {state}, {self.earned} of {self.task.points} points"]
        lines += [f"  {self.what}."] if self.what else []
        lines += [f"  Hint: {self.hint}"] if self.hint else []
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        color = {"passed": "#1a7f37", "failed": "#b3261e", "not attempted": "#666666"}[self.state]
        head, *rest = str(self).split("\n")
        body = "".join(f"<div>{_code_marks(escape(line.strip()))}</div>" for line in rest)
        return (
            f'<div style="border-left: 5px solid {color}; padding: 4px 12px; max-width: 60em">'
            f'<b style="color: {color}">{escape(head)}</b>{body}</div>'
        )


def _code_marks(text: str) -> str:
    """Turn `name` into code, as in Markdown."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return text
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))


@dataclass(frozen=True)
class Task:
    """One task of a lab: its facts, and the check that decides it."""

    number: str  # "3.2"
    title: str
    points: int
    minutes: int
    difficulty: int  # 1 (easy) to 5
    importance: int  # 1 to 5
    names: tuple[str, ...]  # what the learner's notebook must define
    function: CheckFunction = field(repr=False)
    # What of the evidence only the learner's own process can tell ("the names of the operations"); "" if the check
    # sees the values themselves. No task rests on such facts alone.
    self_reported: str = ""

    @property
    def evidence(self) -> str:
        """Return "observed", or "partly self-reported"."""
        return "partly self-reported" if self.self_reported else "observed"

    def headline(self) -> str:
        """Return the line that a lab prints under the task's heading."""
        difficulty, importance = (("●" * n).ljust(5, "○") for n in (self.difficulty, self.importance))
        return f"{self.points} points · {self.minutes} minutes · difficulty {difficulty} · importance {importance}"

    def run(self, student: Student, rng: np.random.Generator) -> Outcome:
        """Decide the task for this student; every way an answer can fail ends as an Outcome, never as an exception."""
        try:
            for name in self.names:
                if not student.has(name):
                    return Outcome(self, "not attempted", f"`{name}` is not defined yet: write it, then run its cell")
            self.function(student, rng)
        except Wrong as wrong:
            return Outcome(self, "failed", wrong.what.rstrip("."), wrong.hint, wrong.picture)
        except Raised as error:
            if error.kind == "NotImplementedError" and not error.text:
                return Outcome(self, "not attempted", "The line `raise NotImplementedError()` is still there")
            return Outcome(self, "failed", f"Your code raised {error}".rstrip("."))
        except (AttributeError, TypeError, ValueError, IndexError, KeyError, RuntimeError) as error:
            # The check could not work with what it was given, a list where it expected a tensor, say.
            what = f"Your answer has a form that the check cannot work with ({type(error).__name__}: {error})"
            return Outcome(self, "failed", what, "Compare types and shapes with the task's description.")
        return Outcome(self, "passed")


@dataclass
class Lab:
    """A lab: number, notebook's name, tasks in order, and the points of "Explain it", which a person marks."""

    number: str  # "03"
    name: str  # "lab_03_training_loop"
    title: str
    explain_points: int = 3
    tasks: dict[str, Task] = field(default_factory=dict)

    def task(
        self,
        number: str,
        title: str,
        *,
        points: int,
        minutes: int,
        difficulty: int,
        importance: int,
        names: tuple[str, ...],
        self_reported: str = "",
    ) -> Callable[[CheckFunction], CheckFunction]:
        """Register the decorated function as the check of task `number`."""

        def register(function: CheckFunction) -> CheckFunction:
            facts = (number, title, points, minutes, difficulty, importance, names)
            self.tasks[number] = Task(*facts, function, self_reported)
            return function

        return register

    @property
    def points(self) -> int:
        """Return the sum of the checked tasks' points."""
        return sum(task.points for task in self.tasks.values())


@cache
def all_labs() -> dict[str, Lab]:
    """Return every lab that has checks, by number ("03"), in order."""
    import coursekit.labs as package

    names = sorted(info.name for info in pkgutil.iter_modules(package.__path__) if info.name.startswith("lab_"))
    labs = [getattr(importlib.import_module(f"coursekit.labs.{name}"), "LAB", None) for name in names]
    return {lab.number: lab for lab in labs if isinstance(lab, Lab)}


def find_task(number: str) -> Task:
    """Return the task with this number ("3.2"); KeyError with a sentence that lists the lab's if there is none."""
    lab = all_labs().get(number.partition(".")[0].zfill(2))
    if lab is not None and number in lab.tasks:
        return lab.tasks[number]
    known = ", ".join(lab.tasks if lab else (task for each in all_labs().values() for task in each.tasks))
    raise KeyError(f'there is no task "{number}"; there are {known}')


def check(number: str) -> None:
    """Check the learner's answer to a task and show the outcome below the cell: `check("3.2")`.

    Fresh random inputs each time. Under nbgrader's autograder a wrong answer also raises AssertionError, since that
    is how nbgrader takes points away.
    """
    from coursekit import progress

    namespace = sys._getframe(1).f_globals
    try:
        task = find_task(number)
    except KeyError as error:
        print(error.args[0])
        return
    outcome = task.run(LocalStudent(namespace), np.random.default_rng())
    progress.record(outcome)
    _display(outcome)
    if progress.under_nbgrader() and outcome.state != "passed":
        _fail(outcome)


def _fail(outcome: Outcome) -> NoReturn:
    raise AssertionError(str(outcome))


def _display(outcome: Outcome) -> None:
    """Show an outcome, and its picture if it has one, in the notebook; as text elsewhere."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        print(outcome)
        return
    if get_ipython() is None:
        print(outcome)
        return
    display(outcome)
    if outcome.picture is not None:
        import matplotlib.pyplot as plt

        figure = outcome.picture()
        display(figure)
        plt.close(figure)
