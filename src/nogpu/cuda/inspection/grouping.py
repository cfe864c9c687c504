"""Puts findings in order, each once: several orders find the same defect again, and one defect has several faces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .report import Finding

CAS_LOOP_LINES = 10
_RANK = {"wrong-dtype": 0, "order-dependence": 2}  # the others are in between


def in_order(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings without repetitions and mere consequences: errors first, then by line."""
    kept: dict[tuple[Any, ...], Finding] = {}
    for finding in findings:
        key = _key(finding)
        known = kept.get(key)
        # A race that was seen both ways: the one of a loop's next turn explains both.
        if known is None or (finding.kind == "race" and finding.line < finding.other_line):
            kept[key] = finding
        if known is not None:
            kept[key].count = max(known.count, finding.count)
    racing = {
        (race.array, line) for race in kept.values() if race.kind == "race" for line in (race.line, race.other_line)
    }
    kept = {key: f for key, f in kept.items() if not _is_compare_and_swap(f)}
    divergent = {f.line for f in kept.values() if f.kind == "divergent-barrier"}
    return sorted(
        # Who reads too early may read what nobody has written yet: the race says it all.
        (
            f
            for f in kept.values()
            if (f.kind != "uninitialized" or (f.array, f.line) not in racing)
            and (f.kind != "early-exit" or f.line not in divergent)
        ),
        key=lambda f: (f.severity != "error", _RANK.get(f.kind, 1), f.line or 1 << 30, f.other_line),
    )


def _is_compare_and_swap(finding: Finding) -> bool:
    """Say whether it is the plain read before a loop of atomicCAS: a stale value is noticed there, and read again.

    CUDA C++ Programming Guide, "Atomic Functions": `old = *address; do { assumed = old; old = atomicCAS(...` is how any
    atomic operation is made.
    """
    (first, _), (second, swap) = sorted([(finding.line, finding.text), (finding.other_line, finding.other_text)])
    reads = " reads " in finding.message or " read it " in finding.message
    updates = "(atomically)" in finding.message and "atomicCAS" in swap
    return finding.kind == "race" and reads and updates and second <= first + CAS_LOOP_LINES


def _key(finding: Finding) -> tuple[Any, ...]:
    """Return what makes two findings the same. A race of two lines is one, whichever of them came first."""
    lines = (finding.line, finding.other_line)
    return finding.kind, tuple(sorted(lines)) if finding.kind == "race" else lines, finding.array
