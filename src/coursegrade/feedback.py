"""A student's feedback: one HTML page with their score and, for each task, what was wrong and the hint.

Written by `batch` beside each submission's report. It loads nothing and runs nothing, whatever the answer contained.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from jinja2 import Environment
from markupsafe import Markup, escape

from coursegrade.html_page import POLICY, stylesheet

WORDS = {"passed": "passed", "failed": "not yet right", "not attempted": "not attempted"}


def page(student: str, entry: dict[str, Any], log: str) -> str:
    """Return the page for one graded or rejected submission; `log` is what the notebook printed."""
    environment = Environment(autoescape=True)
    environment.filters["code"] = in_code
    template = files("coursegrade").joinpath("pages/feedback.html.j2").read_text(encoding="utf-8")
    return environment.from_string(template).render(
        student=student, entry=entry, log=log, words=WORDS, css=stylesheet(), policy=POLICY
    )


def in_code(text: str) -> Markup:
    """Turn `name` into code, as in Markdown."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part) for index, part in enumerate(parts)
    )
