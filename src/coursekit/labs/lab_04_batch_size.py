"""Lab 04's check of the batch size chosen for a budget (4.5). `lab_04_faster_pytorch` registers it."""

from __future__ import annotations

from typing import Any

import numpy as np

from coursekit.checks import Wrong
from coursekit.student import Student


def check_pick(student: Student, rng: np.random.Generator) -> None:
    """Lab 04, task 4.5: curves whose best size is not the largest, not the quickest, nor best by mean or maximum."""
    unit = float(rng.uniform(0.5e-3, 5e-3))
    # (batch size, median in units, slowest calls in units); every twentieth call and more are slow
    rising = [(1, 1.0, 1.1), (4, 1.6, 1.8), (16, 3.0, 3.3), (64, 10.0, 11.0), (128, 24.0, 26.0)]
    tail = [(1, 1.0, 1.1), (4, 1.6, 1.8), (16, 3.0, 20.0), (64, 14.0, 15.0)]
    bumpy = [(8, 2.0, 12.0), (32, 6.0, 6.5), (2, 1.2, 1.3)]
    uneven = [(8, 2.0, 7.0), (16, 4.6, 4.7)]  # the first has the better median, the second the better mean
    _check_choice(student, rng, rising, unit, budget=30.0, expected=64)
    _check_choice(student, rng, tail, unit, budget=13.0, expected=4)
    _check_choice(student, rng, bumpy, unit, budget=8.0, expected=32)
    _check_choice(student, rng, uneven, unit, budget=8.0, expected=8)
    _check_choice(student, rng, rising[1:], unit, budget=1.2, expected=None)


def _check_choice(
    student: Student,
    rng: np.random.Generator,
    points: list[tuple[int, float, float]],
    unit: float,
    budget: float,
    expected: int | None,
) -> None:
    curve, count = [], 100
    for size, median, slow in points:
        times = np.full(count, median) * rng.uniform(0.99, 1.01, count)
        times[:12] = slow
        times[:3] *= 3  # rare enough for p95, but not for the largest time
        curve.append((size, (rng.permutation(times) * unit).tolist()))
    answer = student.call("pick_batch_size", curve, budget * unit)
    if answer == expected and type(answer) is type(expected):
        return
    facts = {size: (float(np.median(times)), float(np.percentile(times, 95))) for size, times in curve}
    table = "; ".join(
        f"{size}: p95 {p95 * 1e3:.1f} ms, {size / median:,.0f} items/s" for size, (median, p95) in facts.items()
    )
    asked = f"With a budget of {budget * unit * 1e3:.1f} ms and these batch sizes ({table})"

    because = "none fits, so " if expected is None else ""
    what = f"{asked} {because}the answer should be {expected}; it is {answer!r}"
    raise Wrong(what, _hint_for(answer, expected, facts, budget * unit), lambda: _draw_choice(facts, budget * unit))


def _hint_for(answer: Any, expected: int | None, facts: dict[int, tuple[float, float]], budget: float) -> str:
    if expected is None:
        return "Say so when nothing fits."
    if answer is None:
        return "Compare seconds with seconds, and look at every size: they need not be sorted."
    if type(answer) is not int or answer not in facts:
        return "Return one of the sizes, an int."
    median, p95 = facts[answer]
    if median <= budget < p95:
        return "Its median fits the budget, its p95 does not: one call in twenty would break the promise."
    if p95 > budget:
        return "That one does not fit the budget at all. Compare seconds with seconds."
    fits = {size: size / low for size, (low, high) in facts.items() if high <= budget}
    if answer == max(fits) and fits[answer] < 0.9 * max(fits.values()) and len(fits) > 2:
        return "The largest that fits is not always the one with the most items per second: size / median."
    if answer == min(facts, key=lambda size: facts[size][0]):
        return "That is the one with the shortest time. Within the budget, most items per second wins."
    if median > facts[expected][0]:
        return "A mean counts the few slow calls: throughput is the size divided by the *median* time."
    return "Look at every size (they need not be sorted), and let p95 decide what fits, not the largest time."


def _draw_choice(facts: dict[int, tuple[float, float]], budget: float) -> Any:
    """Draw throughput over p95, one point per batch size, and the budget as a line."""
    import matplotlib.pyplot as plt

    from coursekit.plots import BLUE, ORANGE

    figure, axis = plt.subplots(figsize=(8, 3.6))
    for size, (median, p95) in facts.items():
        axis.plot(p95 * 1e3, size / median, "o", color=BLUE, markersize=8)
        axis.annotate(f"  {size}", (p95 * 1e3, size / median))
    axis.axvline(budget * 1e3, color=ORANGE, linestyle="--", label="budget")
    axis.set(xlabel="p95 (ms)", ylabel="items per second", title="Left of the line, the highest point wins")
    axis.legend()
    return figure
