"""Turn an executed lesson into one HTML file that needs nothing else: no network, no script, pictures and style inside.

Called by `runner` for each lesson, and for lessons that have not run yet so that links between lessons always lead
somewhere. nbconvert renders the cells; the page around them is in pages/lesson.html.j2 and pages/page.css.
"""

from __future__ import annotations

import copy
import html
import os
import re
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

import nbformat
from nbconvert import HTMLExporter
from nbformat import NotebookNode

from coursegrade.lessons import notebooks
from coursegrade.lessons.execution import SILENT, Failure
from coursegrade.page_templates import POLICY, stylesheet, template

SHOWN = ["text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/plain"]
PICTURES = ("image/png", "image/jpeg", "image/svg+xml")
CAPTION = re.compile(r"(?:^|\s)[*_]Picture\b[^:*_]*:\s*(.+?)[*_](?=\s|$)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class Link:
    """A link to another page."""

    href: str
    text: str


@dataclass(frozen=True)
class Page:
    """What a lesson's page says around its cells. state: "ok", "failed" or "unrun"."""

    title: str
    state: str
    verdict: str
    failure: Failure | None = None
    before: Link | None = None
    after: Link | None = None


def page_name(lesson: Path) -> str:
    """Return the file name of a lesson's page."""
    return f"{lesson.stem}.html"


def write_page(notebook: NotebookNode, lesson: Path, page: Page, folder: Path, lessons: Sequence[Path]) -> Path:
    """Write the page of `lesson` into `folder` and return its path. `lessons` are those that have a page there."""
    shown = copy.deepcopy(notebook)
    _describe_pictures(shown)
    if page.failure and page.failure.cell:
        shown.cells[page.failure.index].metadata["verdict"] = page.failure.reason
    exporter = HTMLExporter(
        template_name="classic",
        raw_template=template("lesson.html.j2"),
        embed_images=True,
        exclude_output_prompt=True,
        filters={"relink": _relinker(lesson.parent, folder, lessons)},
        config={"NbConvertBase": {"display_data_priority": SHOWN}},
        log=SILENT,
    )
    facts = {
        "title": f"{notebooks.number(lesson)} · {page.title}",
        "state": page.state,
        "verdict": page.verdict,
        "failed_cell": bool(page.failure and page.failure.cell),
        "before": page.before,
        "after": page.after,
        "notebook": relative_link(lesson, folder),
        "policy": POLICY,
        "css": stylesheet(),
    }
    text, _ = exporter.from_notebook_node(shown, {"page": facts, "metadata": {"path": str(lesson.parent)}})
    target = folder / page_name(lesson)
    target.write_text(text, encoding="utf-8")
    return target


def relative_link(target: Path, folder: Path) -> str:
    """Return the address of a file as a page in `folder` gives it."""
    return quote(Path(os.path.relpath(target.resolve(), folder.resolve())).as_posix())


def _relinker(home: Path, folder: Path, lessons: Sequence[Path]) -> Callable[[str], str]:
    """Return a filter that turns links as written in a notebook of `home` into links of a page in `folder`.

    A lesson's notebook becomes its page; any other file of the course is pointed at where it lies.
    """
    pages = {path.resolve(): page_name(path) for path in lessons}

    def relink(match: re.Match[str]) -> str:
        address = html.unescape(match[1])
        file, _, fragment = address.partition("#")
        if not file or re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|/", file):
            return match[0]
        target = (home / unquote(file)).resolve()
        new = quote(pages[target]) if target in pages else relative_link(target, folder)
        return f'href="{html.escape(new + ("#" + fragment if fragment else ""))}"'

    return lambda text: re.sub(r'href="([^"]*)"', relink, text)


def _describe_pictures(notebook: NotebookNode) -> None:
    """Give each picture the alternative text that the markdown beside its cell has for it: "*Picture: ...*".

    Authors write it below their pictures or above, with plain cells in between. The side on which more pictures of this
    notebook find one is looked at first; then the cell right beside on the other side, if its words are still free.
    """
    pictures = {position: found for position, cell in enumerate(notebook.cells) if (found := _pictures(cell))}
    captions = {position: said for position, cell in enumerate(notebook.cells) if (said := _captions(cell))}
    below, above = ({place: _nearest(notebook, place, step, pictures) for place in pictures} for step in (1, -1))
    step = 1 if sum(place in captions for place in below.values()) >= sum(p in captions for p in above.values()) else -1
    chosen = below if step == 1 else above
    for position, drawn in pictures.items():
        place = chosen[position]
        if place not in captions and position - step not in chosen.values():
            place = position - step
        texts = captions.get(place, ["Picture drawn by the code above."])
        for count, (output, kind) in enumerate(drawn):
            facts = output.metadata.setdefault(kind, nbformat.from_dict({}))
            facts.setdefault("alt", texts[min(count, len(texts) - 1)])


def _nearest(notebook: NotebookNode, position: int, step: int, pictures: Container[int]) -> int:
    """Return the position of the nearest markdown cell in one direction, -1 if a picture or the end comes first."""
    position += step
    while 0 <= position < len(notebook.cells) and position not in pictures:
        if notebook.cells[position].cell_type == "markdown":
            return position
        position += step
    return -1


def _pictures(cell: NotebookNode) -> list[tuple[NotebookNode, str]]:
    return [(output, kind) for output in cell.get("outputs", []) for kind in PICTURES if kind in output.get("data", {})]


def _captions(cell: NotebookNode) -> list[str]:
    if cell.cell_type != "markdown":
        return []
    return [" ".join(re.sub(r"[*`]", "", text).split()) for text in CAPTION.findall(cell.source)]
