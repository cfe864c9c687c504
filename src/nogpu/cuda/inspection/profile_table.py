"""Shows a Profile as a table, a row for each source line and one for all: in a terminal and in a notebook.

`Profile` displays itself by it. Columns in which nothing happened are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from .profile import Counters, Profile

LONGEST_TEXT, MINIMUM_TEXT = 44, 8


def _requests(requests: str, units: str) -> Callable[[Counters], str]:
    def show(counters: Counters) -> str:
        count = getattr(counters, requests)
        return f"{count:,}×{getattr(counters, units) / count:.3g}" if count else ""

    return show


def _number(name: str) -> Callable[[Counters], str]:
    return lambda counters: f"{value:,}" if (value := getattr(counters, name)) else ""


def _lanes(counters: Counters) -> str:
    return f"{counters.simt_efficiency:.0%}" if counters.warp_instructions else ""


# Heading, and what stands in a row.
COLUMNS: tuple[tuple[str, Callable[[Counters], str]], ...] = (
    ("loads", _requests("global_load_requests", "global_load_sectors")),
    ("stores", _requests("global_store_requests", "global_store_sectors")),
    ("shared\nloads", _requests("shared_load_requests", "shared_load_wavefronts")),
    ("shared\nstores", _requests("shared_store_requests", "shared_store_wavefronts")),
    ("bank\nconflicts", _number("bank_conflicts")),
    ("atomics", _number("atomics")),
    ("barriers", _number("barriers")),
    ("FLOPs", _number("flops")),
    ("active\nlanes", _lanes),
)
LEGEND = "loads, stores: requests × sectors of each; in shared memory: requests × wavefronts of each"


def rows(profile: Profile) -> list[list[str]]:
    """Return the table as text: the headings, a row for each line, the totals."""
    texts = profile.source.splitlines()
    lines = [
        (str(line), _shortened(texts[line - 1]) if line <= len(texts) else "", counters)
        for line, counters in sorted(profile.lines.items())
        if line > 0
    ]
    everything = [*lines, ("", "all lines", profile.total)]
    used = [(head, show) for head, show in COLUMNS if any(show(counters) for *_, counters in everything)]
    table = [["line", "", *(head for head, _ in used)]]
    return table + [[line, text, *(show(counters) for _, show in used)] for line, text, counters in everything]


def rich_table(profile: Profile, width: int) -> Any:
    """Return the table for a terminal of that many columns: the source lines get what the numbers leave."""
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    heads, *body = rows(profile)
    widths = [
        max(len(cell) for row in (heads, *body) for cell in row[place].split("\n")) for place in range(len(heads))
    ]
    widths[1] = max(MINIMUM_TEXT, min(widths[1], width - sum(widths) + widths[1] - 2 * len(widths) - 2))
    table = Table(box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False, caption=_note(profile), caption_justify="left")
    for place, head in enumerate(heads):
        side: Literal["left", "right"] = "left" if place == 1 else "right"
        table.add_column(head, justify=side, width=widths[place], no_wrap=True, overflow="ellipsis")
    for row in body:
        table.add_row(*(Text(cell) for cell in row), style="bold" if row is body[-1] else "")
    return table


def html_table(profile: Profile) -> str:
    """Return the table for a notebook."""
    heads, *body = rows(profile)
    right, left = "text-align:right;padding:.15em .6em", "text-align:left;padding:.15em .6em"
    cells = "".join(
        f'<th style="{left if place == 1 else right}">{escape(head)}</th>' for place, head in enumerate(heads)
    )
    lines = [f"<tr>{cells}</tr>"]
    for row in body:
        tag = "th" if row is body[-1] else "td"
        cells = "".join(
            f'<{tag} style="{left}"><code>{escape(cell)}</code></{tag}>' if place == 1 and tag == "td"
            else f'<{tag} style="{left if place == 1 else right}">{escape(cell)}</{tag}>'
            for place, cell in enumerate(row)
        )  # fmt: skip
        lines.append(f"<tr>{cells}</tr>")
    note = f'<div style="color:#666">{escape(_note(profile))}</div>'
    return f'<div style="overflow-x:auto"><table>{"".join(lines)}</table>{note}</div>'


def _note(profile: Profile) -> str:
    return LEGEND if profile.exact else f"{LEGEND}; some instructions ran too often to be kept, and are extrapolated"


def _shortened(text: str) -> str:
    text = text.strip()
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
