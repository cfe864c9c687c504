"""Every planted defect is found, at the right line, and the mended kernel is silent (sanitizer_cases.py has them)."""

from __future__ import annotations

from typing import Any

import pytest
from sanitizer_cases import CASES, Case

import nogpu
from nogpu.cuda.toolchain import Toolchain


def inspect(case: Case, mended: bool) -> Any:
    arguments = (case.mended_arguments or case.arguments)() if mended else case.arguments()
    return nogpu.inspect(
        case.text(mended), "k", *arguments, block=case.block, grid=case.grid, shared=case.shared[mended],
        orders=case.orders, seconds=case.seconds,
    )  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_planted_defect_is_found(case: Case) -> None:
    if case.only == "g++" and Toolchain.find().is_clang:
        pytest.skip("found with g++ only: see DIFFERENCES")
    report = inspect(case, mended=False)
    found = [finding for finding in report.findings if finding.kind == case.kind]
    assert found, str(report)
    finding = found[0]
    assert finding.tool == case.tool
    assert finding.severity == case.severity
    assert report.ok == (case.severity == "advice")
    if case.line(1) and not (case.only == "g++ for the line" and Toolchain.find().is_clang):
        assert finding.line == case.line(1), str(report)
        assert finding.text == case.text(mended=False).splitlines()[finding.line - 1]
    if case.line(2):
        assert finding.other_line == case.line(2), str(report)
    for wanted, have in (
        (case.thread, finding.thread),
        (case.other_thread, finding.other_thread),
        (case.array, finding.array),
        (case.index, finding.index),
    ):
        assert wanted is None or have == wanted, str(report)
    for part in case.says:
        assert part in finding.message
    assert finding.message and finding.hint
    assert [f for f in report.errors if f.kind != case.kind] == [], "the defect is reported as something else, too"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_mended_twin_is_silent(case: Case) -> None:
    report = inspect(case, mended=True)
    assert report.findings == [], str(report)
