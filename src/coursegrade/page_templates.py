"""Our own HTML pages: the templates of pages/ filled in, with the one stylesheet inside and nothing loaded.

Used by `feedback`, `class_report` and `html_index`; `html_page` takes stylesheet and policy for the lessons' pages.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from jinja2 import Environment
from markupsafe import Markup, escape

# A browser that is given this loads nothing from anywhere, whatever an output contains.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "img-src data:; media-src data:; font-src data:; frame-src data:"
)


def template(name: str) -> str:
    """Return the text of one file of pages/."""
    return (files("coursegrade") / "pages" / name).read_text(encoding="utf-8")


def stylesheet() -> str:
    """Return the one stylesheet of all pages."""
    return template("page.css")


def page(name: str, **facts: Any) -> str:
    """Return the page that a template makes of `facts`; whatever is in them is escaped."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["code"] = in_code
    return environment.from_string(template(name)).render(policy=POLICY, css=stylesheet(), **facts)


def in_code(text: str) -> Markup:
    """Turn `name` into code, as in Markdown."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part) for index, part in enumerate(parts)
    )
