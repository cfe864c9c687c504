"""Time a function honestly: warm it up, wait for the device, repeat, and report the median and the 95th percentile.

Lesson 04 takes this apart; other lessons just use it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

import numpy as np


@dataclass(frozen=True)
class Timing:
    """The repeated times of one function. All times in seconds."""

    label: str
    samples: tuple[float, ...]
    items: int = 1  # how many items (images, say) one call handles

    @property
    def median(self) -> float:
        """Return the median time of one call, in seconds: half of the calls were faster."""
        return float(np.median(self.samples))

    @property
    def p95(self) -> float:
        """Return the 95th percentile in seconds: one call in twenty was slower."""
        return float(np.percentile(self.samples, 95))

    @property
    def throughput(self) -> float:
        """Return items per second at the median time."""
        return self.items / self.median

    def __str__(self) -> str:
        median, p95 = _milliseconds(self.median), _milliseconds(self.p95)
        return f"{self.label}: median {median} ms, p95 {p95} ms ({len(self.samples)} calls)"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.3g}" if seconds < 0.9995 else f"{seconds * 1e3:.0f}"


def synchronize() -> None:
    """Wait until the GPU has finished what was asked of it; return at once where torch uses none."""
    import torch

    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def measure(
    function: Callable[[], object],
    label: str = "",
    *,
    items: int = 1,
    seconds: float = 0.5,
    warmup: int = 3,
    least: int = 10,
) -> Timing:
    """Call `function` again and again for about `seconds`, at least `least` times after `warmup` unmeasured calls.

    Each call is timed to the end of the device's work, not to the moment Python gets control back.
    """
    for _ in range(warmup):
        function()
    synchronize()
    samples: list[float] = []
    end = time.perf_counter() + seconds
    while len(samples) < least or time.perf_counter() < end:
        start = time.perf_counter()
        function()
        synchronize()
        samples.append(time.perf_counter() - start)
    return Timing(label or getattr(function, "__name__", "call"), tuple(samples), items)


class Timings(list[Timing]):
    """A list of timings that shows itself as a table, its last column each one's time per item beside the first's."""

    def _rows(self) -> list[tuple[str, ...]]:
        last = f"per item, {self[0].label} = 1" if self else ""
        rows: list[tuple[str, ...]] = [("", "median ms", "p95 ms", "items/s", last)]
        for timing in self:
            rate, ratio = f"{timing.throughput:,.0f}", f"{self[0].throughput / timing.throughput:.2f}×"
            rows.append((timing.label, _milliseconds(timing.median), _milliseconds(timing.p95), rate, ratio))
        return rows

    def __repr__(self) -> str:
        rows = self._rows()
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if not column else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        )

    def _repr_html_(self) -> str:
        head, *body = self._rows()
        lines = ["".join(f"<th>{escape(cell)}</th>" for cell in head)]
        lines += ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in body]
        return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
