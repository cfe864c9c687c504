"""A student's feedback: one HTML page with their score and, for each task, what was wrong and the hint.

Written by `grading_process` beside each submission's report. It loads and runs nothing, whatever the answer contained.
"""

from __future__ import annotations

from typing import Any

from coursegrade import page_templates

WORDS = {"passed": "passed", "failed": "not yet right", "not attempted": "not attempted"}


def page(student: str, entry: dict[str, Any], log: str) -> str:
    """Return the page for one graded or rejected submission; `log` is what the notebook printed."""
    return page_templates.page("feedback.html.j2", student=student, entry=entry, log=log, words=WORDS)
