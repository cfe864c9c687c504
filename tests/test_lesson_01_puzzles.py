"""The puzzle corner of lesson 01: its folded answers solve its puzzles, and wrong ones are told from right ones."""

from __future__ import annotations

import re
from typing import Any

import pytest

from coursegrade.lessons import notebooks
from coursekit.paths import root


def puzzle_cells() -> tuple[str, str, str]:
    """Return the cell with the targets, the cell with the learner's lines, and the code of the folded answers."""
    cells = notebooks.read(root() / "notebooks" / "01_tensors.ipynb").cells
    targets = next(cell.source for cell in cells if cell.cell_type == "code" and "PUZZLES = {" in cell.source)
    attempts = next(cell.source for cell in cells if cell.cell_type == "code" and "def rotation" in cell.source)
    folded = next(cell.source for cell in cells if "<summary>Answers" in cell.source)
    answers = re.search(r"```python\n(.*?)```", folded, re.DOTALL)
    assert answers is not None
    return targets.partition("figure, axes")[0], attempts, answers[1]


def outcome(answers: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    targets, attempts, _ = puzzle_cells()
    names: dict[str, Any] = {}
    exec(f"import torch\n{targets}", names)
    exec(answers, names)
    exec(attempts[attempts.index("for name, target") :], names)
    return capsys.readouterr().out.splitlines()


def test_the_folded_answers_solve_every_puzzle(capsys: pytest.CaptureFixture[str]) -> None:
    lines = outcome(puzzle_cells()[2], capsys)
    assert len(lines) == 5 and all(line.endswith("solved") for line in lines), lines


def test_a_wrong_answer_and_no_answer_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    mistakes = "\ndef table(n): return torch.arange(n) + torch.arange(n)[:, None]\n\ndef diamond(n): ...\n"
    lines = {line.split()[0]: line for line in outcome(puzzle_cells()[2] + mistakes, capsys)}
    assert lines["table"].endswith("wrong for n = 4") and lines["diamond"].endswith("not tried yet")
