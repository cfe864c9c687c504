"""A fingerprint of a submission's answers that survives other names, comments and layout: equal ones were copied.

Made for each graded submission (`report`) and compared by `class_report`. Short answers look alike by themselves, so a
fingerprint covers all answers of a notebook together and is left out where they are few words.
"""

from __future__ import annotations

import builtins
import hashlib
import io
import keyword
import tokenize
from collections.abc import Iterable

from coursegrade.grading.reader import Cell

FEWEST = 80  # tokens; shorter answers are alike by chance
LAYOUT = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
KNOWN = frozenset(dir(builtins)) | frozenset(keyword.kwlist)


def of(cells: Iterable[Cell]) -> str:
    """Return the fingerprint of the answers among `cells`, as hexadecimal digits; "" where they are too short."""
    words: list[str] = []
    for cell in sorted((cell for cell in cells if cell.task), key=lambda cell: (str(cell.task), cell.position)):
        words += [f"# {cell.task}", *_words(cell.source)]
    return hashlib.sha256("\0".join(words).encode("utf-8", "replace")).hexdigest()[:16] if len(words) >= FEWEST else ""


def _words(source: str) -> list[str]:
    """Return the tokens of Python source, the names that it chose itself numbered in their order."""
    found: list[str] = []
    numbers: dict[str, int] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type in LAYOUT:
                continue
            text = token.string
            if token.type == tokenize.NAME and text not in KNOWN and (not found or found[-1] != "."):
                text = f"name{numbers.setdefault(text, len(numbers))}"
            found.append(text)
    except (tokenize.TokenError, SyntaxError, ValueError):
        pass  # as far as it could be read
    return found
