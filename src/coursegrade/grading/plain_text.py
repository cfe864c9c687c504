"""A learner's words made safe to show: in a terminal, in JSON, in a spreadsheet. Used by every report."""

from __future__ import annotations

import unicodedata

MOST = 1000  # characters of one message
FORMULA = ("=", "+", "-", "@")  # a spreadsheet runs a cell that begins so


def clean(text: str, most: int = MOST) -> str:
    """Return one line without control characters, direction marks or lone surrogates, of at most `most` characters."""
    text = text[: 4 * most].encode("utf-8", "replace").decode("utf-8")
    kept = "".join(" " if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp") else sign for sign in text)
    kept = " ".join(kept.split(" ")).strip()
    return kept if len(kept) <= most else kept[: most - 1] + "…"


def cell(text: str) -> str:
    """Return cleaned text for a cell of a spreadsheet, never a formula."""
    text = clean(text)
    return f"'{text}" if text.startswith(FORMULA) else text
