"""`course run`, on a small course of its own: what runs, what fails and how that is told, and the pages it leaves.

One run of all its lessons serves most tests; a kernel takes about a second to start.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from rich.console import Console

from coursegrade.lessons import html_index, html_page, notebooks, runner
from coursegrade.lessons.execution import execute

PICTURE = """
import matplotlib.pyplot as plt
plt.plot([1, 2])
plt.show()
"""
ENVIRONMENT = """
import os, sys
print("python", sys.executable)
print("folder", os.getcwd())
print("headless", os.environ["COURSE_HEADLESS"], "root", os.environ["COURSE_ROOT"])
"""
FAILING = "def half(x):\n    return x / 0\n\nprint('reached')"


def make_lesson(top: Path, name: str, *cells: str) -> Path:
    """Write a lesson; a cell that starts with # and a space is markdown."""
    path = top / "notebooks" / f"{name}.ipynb"
    made = [new_markdown_cell(text) if text.startswith("# ") else new_code_cell(text.strip()) for text in cells]
    notebooks.write(path, new_notebook(cells=made))
    return path


def make_course(top: Path) -> Path:
    for folder in ("notebooks", "data", "labs"):
        (top / folder).mkdir()
    return top


@dataclass(frozen=True)
class Ran:
    """A finished `course run`: its course, exit status and what it printed."""

    top: Path
    status: int
    screen: str

    def page(self, name: str) -> str:
        return (self.top / "build" / "html" / name).read_text(encoding="utf-8")


def run(top: Path, *wishes: str, limit: float = 60) -> Ran:
    screen = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_ROOT", str(top))
        status = runner.run(wishes, Console(file=screen, width=100), limit=limit)
    return Ran(top, status, screen.getvalue())


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """Run a course with a good lesson, one that fails, a slow one, one that kills its kernel, one not readable."""
    top = make_course(tmp_path_factory.mktemp("course"))
    links = (
        "[next](01_fails.ipynb#Words) [lab](../labs/lab_00_start.ipynb) [page](https://pytorch.org) [gone](09_x.ipynb)"
    )
    first = f"# 00 · Start <here>\n\n{links}"
    make_lesson(top, "00_start", first, ENVIRONMENT, PICTURE, "# *Picture: a rising line from 1 to 2.*", "6 * 7")
    make_lesson(top, "01_fails", "# 01 · Fails", FAILING, "# Words", "x = 1\nhalf(x)", "print('never reached')")
    make_lesson(top, "02_slow", "# 02 · Slow", "import time\n\ntime.sleep(60)")
    make_lesson(top, "03_dies", "# 03 · Dies", "print('alive')", "import os\nos._exit(7)")
    (top / "notebooks" / "04_broken.ipynb").write_text("{ not json", encoding="utf-8")
    (top / "labs" / "lab_00_start.ipynb").write_text("{}", encoding="utf-8")
    kernels = top / "jupyter" / "kernels" / "python3"
    kernels.mkdir(parents=True)
    spec = {"argv": ["false", "{connection_file}"], "display_name": "not ours", "language": "python"}
    (kernels / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(top / "jupyter"))
        patch.setenv("MPLBACKEND", "agg")  # as a user may have it; pictures must not vanish
        yield run(top, limit=3)


def test_a_failure_anywhere_makes_the_exit_status_1_and_the_others_still_run(ran: Ran) -> None:
    assert ran.status == 1
    assert "00 Start <here> … ok, 3 cells in" in ran.screen
    assert "4 of 5 lessons failed (01, 02, 03, 04)" in ran.screen
    table = [line.split() for line in ran.screen.splitlines() if line[:2].isdigit() and "…" not in line]
    assert [row[0] for row in table] == ["00", "01", "02", "03", "04"]
    assert [row[-1] for row in table] == ["ok", "failed", "failed", "failed", "failed"]


def test_the_kernel_is_this_interpreter_in_the_folder_of_the_lessons(ran: Ran) -> None:
    page = ran.page("00_start.html")
    assert f"python {sys.executable}" in page
    assert f"folder {ran.top / 'notebooks'}" in page
    assert f"headless 1 root {ran.top}" in page


def test_an_error_is_told_by_lesson_cell_and_line_without_a_traceback(ran: Ran) -> None:
    lines = excerpt(ran, "Lesson 01")
    assert lines[0] == "Lesson 01 · Fails failed in cell [2] of 3"
    assert lines[1].split(maxsplit=3)[-1] == "x = 1"
    assert lines[2].split() == ["line", "2", "of", "cell", "[1]", "return", "x", "/", "0"]
    assert lines[3].strip() == "ZeroDivisionError: division by zero"
    assert lines[4].endswith("build/html/01_fails.html#failed")
    assert "Traceback" not in ran.screen


def test_a_time_limit_is_reported_as_such_with_the_line_where_the_cell_was(ran: Ran) -> None:
    text = "\n".join(excerpt(ran, "Lesson 02"))
    assert "longer than its limit of 3 s and was stopped" in text
    assert "line 3 of cell [1]  time.sleep(60)" in text


def test_a_dead_kernel_is_reported_as_such(ran: Ran) -> None:
    text = "\n".join(excerpt(ran, "Lesson 03"))
    assert "in cell [2] of 2" in text and "The kernel died: its process ended with exit status 7." in text


def test_a_lesson_that_is_no_notebook_is_one_sentence(ran: Ran) -> None:
    assert "04_broken.ipynb is not a notebook: its text is not JSON" in " ".join(excerpt(ran, "Lesson 04"))


def excerpt(ran: Ran, start: str) -> list[str]:
    """Return the lines about one failed lesson, at most twelve."""
    lines = ran.screen.splitlines()
    first = next(index for index, line in enumerate(lines) if line.startswith(start))
    length = lines[first:].index("")
    assert length <= 12
    return lines[first : first + length]


# --- the pages -------------------------------------------------------------------------------------------------------


class Tags(HTMLParser):
    """Collects the start tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {key: value or "" for key, value in attrs}))

    def named(self, *names: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.found if tag in names]


@pytest.mark.parametrize("name", ["00_start.html", "01_fails.html", "02_slow.html", "03_dies.html", "index.html"])
def test_a_page_loads_nothing(ran: Ran, name: str) -> None:
    tags = Tags(ran.page(name))
    assert tags.named("script", "link", "iframe", "object") == []
    assert all(picture["src"].startswith("data:") for picture in tags.named("img"))
    assert "default-src 'none'" in tags.named("meta")[2]["content"]
    assert "url(" not in ran.page(name) and "@import" not in ran.page(name)
    assert len(ran.page(name)) < 100_000


def test_a_page_has_its_picture_with_the_words_beside_it_as_alternative_text(ran: Ran) -> None:
    (picture,) = Tags(ran.page("00_start.html")).named("img")
    assert picture["src"].startswith("data:image/png;base64,")
    assert picture["alt"] == "a rising line from 1 to 2."


@pytest.mark.parametrize("order", ["code markdown", "markdown code", "code plain markdown", "markdown plain code"])
def test_a_caption_may_stand_below_or_above_its_picture(order: str, tmp_path: Path) -> None:
    cells = [new_markdown_cell("# 00 · Words")]
    for count in (1, 2):
        drawing = new_code_cell("draw()", outputs=[new_output("display_data", {"image/png": "AAAA"})])
        caption = new_markdown_cell(f"Words.\n\n*Picture, small: number `{count}`.* More words.")
        kinds = {"code": drawing, "markdown": caption, "plain": new_code_cell("1")}
        cells += [kinds[word] for word in order.split()]
    lesson = tmp_path / "00_words.ipynb"
    page = html_page.write_page(
        new_notebook(cells=cells), lesson, html_page.Page("Words", "ok", ""), tmp_path, [lesson]
    )
    found = [picture["alt"] for picture in Tags(page.read_text(encoding="utf-8")).named("img")]
    assert found == ["number 1.", "number 2."]


def test_links_lead_where_they_should(ran: Ran) -> None:
    links = [link["href"] for link in Tags(ran.page("00_start.html")).named("a")]
    assert {"index.html", "01_fails.html", "01_fails.html#Words", "../../labs/lab_00_start.ipynb"} <= set(links)
    assert {"https://pytorch.org", "../../notebooks/09_x.ipynb", "../../notebooks/00_start.ipynb"} <= set(links)
    pages = ran.top / "build" / "html"
    for link in set(links) - {"https://pytorch.org", "../../notebooks/09_x.ipynb"}:
        file, _, fragment = link.partition("#")
        assert not file or (pages / file).is_file(), link
        if fragment and file:
            assert f'id="{fragment}"' in (pages / file).read_text(encoding="utf-8")


def test_the_failing_cell_stands_out_and_what_follows_is_marked_as_not_run(ran: Ran) -> None:
    page = ran.page("01_fails.html")
    before, after = page.split('<section aria-label="The cell that failed" id="failed">')
    assert "reached" in before and 'href="#failed"' in before
    assert "ZeroDivisionError: division by zero" in after.split("</section>")[0]
    assert "the code below was not run" in after.split("</section>")[1]
    assert "its limit of 3 s" in ran.page("02_slow.html").split('id="failed"')[1]
    assert "exit status 7" in ran.page("03_dies.html").split('id="failed"')[1]


def test_the_index_lists_every_lesson_with_state_time_and_links(ran: Ran) -> None:
    page = ran.page("index.html")
    links = [link["href"] for link in Tags(page).named("a")]
    assert {"00_start.html", "01_fails.html", "01_fails.html#failed", "../../labs/lab_00_start.ipynb"} <= set(links)
    assert "04_broken.html" not in links and "../../notebooks/04_broken.ipynb" in links
    assert "00 · Start &lt;here&gt;" in page and page.count(">failed<") == 4
    assert "1 of 5 lessons ran without an error" in page


# --- choosing, and what must not go wrong ----------------------------------------------------------------------------


def test_one_lesson_by_its_number_leaves_the_others_as_they_were(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    top = make_course(tmp_path)
    for number in ("00", "05"):
        make_lesson(top, f"{number}_words", f"# {number} · Words", "print('hello')")
    pages = top / "build" / "html"
    pages.mkdir(parents=True)
    html_index.save_record(pages, {"00_words": html_index.LastRun("failed", 9, 8, 77.7, "2026-01-02 03:04")})
    outcome = run(top, "5", "05_words")
    assert outcome.status == 0 and "The lesson ran without an error" in outcome.screen
    assert "00 Words" not in outcome.screen
    assert "77.7" in outcome.page("index.html") and "2026-01-02 03:04" in outcome.page("index.html")
    assert "hello" in outcome.page("05_words.html")
    assert "make run LESSON=00" in outcome.page("00_words.html")
    assert capfd.readouterr() == ("", "")  # no kernel's start, no library's warning


def test_an_unknown_lesson_is_one_sentence_that_lists_what_there_is(tmp_path: Path) -> None:
    top = make_course(tmp_path)
    make_lesson(top, "05_onnx_export", "1")
    outcome = run(top, "05", "17")
    assert outcome.status == 2
    assert outcome.screen == "There is no lesson '17'; there are: 05_onnx_export.\n"
    assert not (top / "build" / "html").exists()


def test_a_course_without_lessons_says_so(tmp_path: Path) -> None:
    outcome = run(make_course(tmp_path))
    assert outcome.status == 2 and outcome.screen.startswith("There are no lessons in")


def test_a_page_that_cannot_be_made_does_not_hide_a_green_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> Path:
        raise ValueError("no template")

    top = make_course(tmp_path)
    make_lesson(top, "00_words", "# 00 · Words", "1")
    monkeypatch.setattr(html_page, "write_page", broken)
    outcome = run(top)
    assert outcome.status == 0
    assert "00_words.html could not be written: ValueError: no template" in outcome.screen
    assert 'href="00_words.html"' not in outcome.page("index.html")


def test_a_crash_in_native_code_names_the_line(tmp_path: Path) -> None:
    notebook = new_notebook(cells=[new_code_cell("import os\n\nos.abort()")])
    failure = execute(notebook, tmp_path, {}, 20, lambda count: None).failure
    assert failure is not None
    assert failure.reason.startswith("The kernel died of SIGABRT")
    assert (failure.place, failure.offending) == ("line 3 of cell [1]", "os.abort()")


def test_a_cell_may_expect_its_error_by_tag(tmp_path: Path) -> None:
    cell: NotebookNode = new_code_cell("1 / 0", metadata={"tags": ["raises-exception"]})
    execution = execute(new_notebook(cells=[cell, new_code_cell("2")]), tmp_path, {}, 20, lambda count: None)
    assert execution.failure is None and execution.done == 2


def test_a_damaged_record_counts_as_none(tmp_path: Path) -> None:
    for text in ("", "[]", '{"00": 3}', '{"00": {"state": "ok"}}', '{"00": {"state": "odd"}}'):
        (tmp_path / html_index.RECORD).write_text(text, encoding="utf-8")
        assert html_index.load_record(tmp_path) == {}


def test_ctrl_c_ends_the_kernel_and_says_what_was_done(tmp_path: Path) -> None:
    top = make_course(tmp_path)
    make_lesson(top, "00_words", "# 00 · Words", "1")
    make_lesson(
        top,
        "01_waits",
        "# 01 · Waits",
        f"import os, pathlib, time\npathlib.Path({str(top / 'pid')!r}).write_text(str(os.getpid()))\ntime.sleep(60)",
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "coursegrade", "run"],
        env=os.environ | {"COURSE_ROOT": str(top)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    until = time.monotonic() + 60
    while not ((top / "pid").exists() and (top / "pid").read_text()):
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    screen, _ = process.communicate(timeout=30)
    assert process.returncode == 130, screen
    assert "Stopped by Ctrl-C" in screen and "lessons that ran: 00" in screen and "Traceback" not in screen
    with pytest.raises(ProcessLookupError):
        os.kill(int((top / "pid").read_text()), 0)
