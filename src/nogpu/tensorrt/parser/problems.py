"""What can be wrong with an ONNX file: one plain record per problem, in the form in which NVIDIA's parser reports it.

Raised (as `Refused`) by whatever part of the parser sees the problem, completed and collected by `reading`, shown to
the user as `ParserError` by `onnx_parser`. The record holds the error code by name, so that nothing here needs the
enumerations. `file` and `line` are the place in this package that refused, not NVIDIA's.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path


@dataclass(frozen=True)
class Problem:
    """One problem. `node` is the index of the node in its graph, -1 when the problem is not a node's."""

    code: str  # a member of nogpu.tensorrt.ErrorCode, by name: "INVALID_NODE"
    description: str
    node: int = -1
    node_name: str = ""
    operator: str = ""
    function: str = ""  # the name that NVIDIA's parser gives the check: "checkFallbackPluginImporter"
    file: str = ""
    line: int = 0
    local_functions: list[str] = field(default_factory=list)  # the model-local function that the node stands in

    def at(self, index: int, name: str, operator: str, local_functions: list[str] | None = None) -> Problem:
        """Return this problem with the node that it is about, unless it names one already."""
        if self.node >= 0 or self.operator:
            return self
        return replace(self, node=index, node_name=name, operator=operator, local_functions=list(local_functions or []))

    def __str__(self) -> str:
        where = f"In node {self.node} with name: {self.node_name} and operator: {self.operator} "
        return f"{where if self.node >= 0 else ''}({self.function}): {self.code}: {self.description}"


class Refused(Exception):
    """The model, or one node of it, is refused: carries the `Problem`."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def refuse(code: str, function: str, description: str) -> Refused:
    """Return the exception to raise; the caller's own file and line go into the problem."""
    frame = sys._getframe(1)
    place = Path(frame.f_code.co_filename).name
    return Refused(Problem(code, description, function=function, file=place, line=frame.f_lineno))


def unless(condition: bool, code: str, function: str, description: str) -> None:
    """Refuse unless the condition holds: NVIDIA's ASSERT, with its way of starting the sentence."""
    if not condition:
        frame = sys._getframe(1)
        place = Path(frame.f_code.co_filename).name
        text = f"Assertion failed: {description}"
        raise Refused(Problem(code, text, function=function, file=place, line=frame.f_lineno))
