"""Who watches the driver: nobody, or the sanitizer (inspection/sanitizer.py), which is told of memory and launches.

Here so that the driver need not load the sanitizer to find out that it is off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import settings

if TYPE_CHECKING:
    from .inspection.sanitizer import Sanitizer

_current: Sanitizer | None = None


def current() -> Sanitizer | None:
    """Return the sanitizer that is on, or None. NOGPU_SANITIZE=1 turns it on for the whole process."""
    if _current is None and settings.sanitize():
        from .inspection.sanitizer import Sanitizer

        set_current(Sanitizer())
    return _current


def set_current(sanitizer: Sanitizer | None) -> None:
    """Let `sanitizer` watch from now on, or nobody."""
    global _current
    _current = sanitizer
