"""Lab 06's check of the entropy calibrator (6.4). `lab_06_quantisation` registers it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from coursekit.checks import expect_close, require
from coursekit.labs.onnx_files import Array
from coursekit.student import Student


def check_entropy(student: Student, rng: np.random.Generator) -> None:
    """Lab 06, task 6.4: random histograms until each usual slip would show by its limits, and the task's example."""
    example, last_edge = _call_on_example(student, rng)
    slips: dict[str, dict[str, Any]] = {
        "What lies beyond the cut is lost: add it to the last bin of the real histogram, or clipping costs nothing.": {
            "clip": False
        },
        "The counts beyond the cut belong to the real histogram only; the quantised one is made of what is inside.": {
            "both": True
        },
        "Spread a level's counts over those of its bins that are not empty.": {"nonempty": False},
        "The divergence goes from the real distribution to the quantised one: p × log(p / q).": {"swap": True},
        "Divide each histogram by its own sum before you compare.": {"normalise": False},
        "The largest divergence is the worst cut.": {"worst": True},
        "A cut that keeps the first `cut` bins ends at `edges[cut]`.": {"shift": -1},
        "The first cut that is tried keeps `levels` bins, the last one keeps all.": {"first": 1},
        "If q is 0 where p is not, that cut is out; its terms are infinite, they cannot be left out.": {
            "lenient": True
        },
        "Bin i belongs to level `i * levels // cut`: the levels' widths differ by one where they have to.": {
            "equal_widths": True
        },
    }
    seen: dict[str, list[float]] = {hint: [] for hint in ("", *slips)}  # the limits chosen with each slip; "" with none
    answers, cases = [], []
    for _ in range(30):  # until no two slips choose the same limits
        levels = int(rng.integers(6, 14))
        counts, edges = _histogram(rng, levels)
        limits = {hint: _entropy_limit(counts, edges, levels, **slips.get(hint, {})) for hint in seen}
        told_apart = len({tuple(chosen) for chosen in seen.values()})
        if len({(*chosen, limits[hint]) for hint, chosen in seen.items()}) == told_apart:
            continue
        for hint, limit in limits.items():
            seen[hint].append(limit)
        answers.append(student.call("entropy_limit", counts, edges, levels))
        cases.append(f"Your limit for {len(counts)} bins and {levels} levels")
        if len({tuple(chosen) for chosen in seen.values()}) == len(seen):
            break
    hint = "Print the divergence of a few cuts, and compare with the task's example."
    if all(type(answer) in (int, float) for answer in answers):
        hint = next((said for said, limits in seen.items() if said and np.allclose(answers, limits)), hint)
    for got, right, case in zip(answers, seen[""], cases, strict=True):
        expect_close(got, right, case, hint, rtol=1e-6)
    hint = "Its three divergences are in the task. The last cut, which keeps all the bins, is one of those to try."
    expect_close(example, last_edge, f"For the task's example, with edges 0 to {last_edge:.2f}, the limit", hint)


def _call_on_example(student: Student, rng: np.random.Generator) -> tuple[Any, float]:
    """Return the learner's limit for the task's example, times random factors, and the right one: its last edge."""
    counts = np.array([4, 2, 1, 1]) * int(rng.integers(1, 9))
    edges = np.arange(5) * float(rng.uniform(0.5, 2))
    given = student.make("numpy:array", counts)
    got = student.call("entropy_limit", given, edges, 2)
    hint = "`counts[:cut]` is a view: take a copy (`.astype(float)` makes one) before you add to its last bin."
    changed = not np.array_equal(given.value(), counts)
    require(not changed, "entropy_limit changed the counts that it was given", hint)
    return got, float(edges[4])


def _histogram(rng: np.random.Generator, levels: int) -> tuple[Array, Array]:
    """Return (counts, edges) with many small values, a long tail and some empty bins."""
    bins = levels * 4 + int(rng.integers(1, levels))
    shape = np.exp(-np.arange(bins) / bins * rng.uniform(4, 14)) * rng.uniform(0.4, 1.6, bins)
    counts = rng.poisson(shape * 3000 * (rng.random(bins) < 0.9)).astype(np.int64)
    counts[0], counts[-1] = counts.max() + 5, 2
    return counts, np.linspace(0, rng.uniform(2, 9), bins + 1)


def _entropy_limit(
    counts: Array,
    edges: Array,
    levels: int,
    *,
    clip: bool = True,
    both: bool = False,
    nonempty: bool = True,
    swap: bool = False,
    normalise: bool = True,
    worst: bool = False,
    shift: int = 0,
    first: int = 0,
    lenient: bool = False,
    equal_widths: bool = False,
) -> float:
    """Return the limit by the task's definition; each keyword makes one slip."""
    limits, divergences = [], []
    for cut in range(first or levels, len(counts) + 1):
        inside = counts[:cut].astype(np.float64)
        level = np.arange(cut) * levels // cut
        if equal_widths:
            level = np.minimum(np.arange(cut) // (cut // levels), levels - 1)
        real = inside.copy()
        real[-1] += counts[cut:].sum() if clip else 0
        source = real if both else inside
        quantised = np.zeros(cut)
        taking = inside > 0 if nonempty else np.ones(cut, dtype=bool)
        share = np.bincount(level, source, levels) / np.maximum(np.bincount(level[taking], minlength=levels), 1)
        quantised[taking] = share[level[taking]]
        if quantised.sum() == 0:
            continue
        p, q = (real / real.sum(), quantised / quantised.sum()) if normalise else (real, quantised)
        if swap:
            p, q = q, p
        used = p > 0
        if lenient:
            used &= q > 0
        if (q[used] == 0).any():
            continue
        limits.append(float(edges[cut + shift]))
        divergences.append(float(np.sum(p[used] * np.log(p[used] / q[used]))))
    choose: Callable[[list[float]], Any] = np.argmax if worst else np.argmin
    return limits[int(choose(divergences))]
