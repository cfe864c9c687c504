"""Run the lessons in order, each in a fresh kernel, and write them as pages: the work of `course run [LESSON…]`.

The kernels are `execution`'s business and the pages `html_page`'s and `html_index`'s; here is the order of events and
what the person at the terminal sees of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from nbformat import NotebookNode
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from coursegrade.lessons import html_index, html_page, notebooks
from coursegrade.lessons.execution import Execution, Failure, code_cells, execute
from coursekit import paths

CELL_LIMIT = 120.0  # seconds that one cell may take
SHOWN_WIDTH = 140  # characters of a line of somebody's code or error message
STOPPED = 130  # the exit status of a command ended by Ctrl-C


@dataclass(frozen=True)
class Result:
    """How one lesson went. `page` is None, and `page_trouble` says why, where its page could not be written."""

    lesson: Path
    title: str
    execution: Execution
    when: str  # the local time at which it ended
    page: Path | None = None
    page_trouble: str = ""

    @property
    def state(self) -> str:
        """Return "ok", "failed" or "stopped"."""
        if self.execution.stopped:
            return "stopped"
        return "failed" if self.execution.failure else "ok"


def run(wishes: Sequence[str], console: Console, build: Path | None = None, *, limit: float = CELL_LIMIT) -> int:
    """Run the lessons that `wishes` name, all if it is empty, and write build/html/.

    build: the folder for html/, the course's own by default; limit: seconds that one cell may take.
    Return the exit status: 0 if every lesson ran, 1 if one failed, 2 if there is no such lesson, 130 after Ctrl-C.
    """
    try:
        top = paths.root()
        lessons = notebooks.lessons(top)
        chosen = sorted({notebooks.find(wish, lessons) for wish in wishes}) or lessons
        if not chosen:
            raise notebooks.NoSuchNotebook(f"There are no lessons in {top / 'notebooks'}.")
        pages = (build or paths.build_dir()) / "html"
        pages.mkdir(parents=True, exist_ok=True)
    except (notebooks.NoSuchNotebook, OSError) as error:
        console.print(str(error), markup=False, soft_wrap=True)
        return 2
    return _Session(top, lessons, pages, console, limit).run(chosen)


class _Session:
    """One `course run`: the lessons of this course, where their pages go, and what has run so far."""

    def __init__(self, top: Path, lessons: list[Path], pages: Path, console: Console, limit: float) -> None:
        self.top = top
        self.lessons = lessons
        self.pages = pages
        self.console = console
        self.limit = limit
        self.titles = {path: _title(path) for path in lessons}
        self.results: list[Result] = []

    def run(self, chosen: list[Path]) -> int:
        """Run the lessons, print what failed and the summary, and return the exit status."""
        started = time.monotonic()
        stopped = False
        display = _Display(self.console)
        with display.live():
            try:
                for path in chosen:
                    result = self._run_lesson(path, display)
                    self.results.append(result)
                    if result.execution.failure:
                        self._report(result, result.execution.failure)
                    if result.state == "stopped":
                        break
            except KeyboardInterrupt:  # between two lessons, or while a page is written
                stopped = True
        stopped = stopped or any(result.state == "stopped" for result in self.results)
        index = self._finish_pages()
        self._summarise(len(chosen), time.monotonic() - started, stopped, index)
        if stopped:
            return STOPPED
        return 1 if any(result.state == "failed" for result in self.results) else 0

    def _run_lesson(self, path: Path, display: _Display) -> Result:
        name = f"{notebooks.number(path)} {self.titles[path]}"
        try:
            notebook = notebooks.read(path)
        except notebooks.NotANotebook as error:
            display.start(name, 0)
            display.end("failed", Execution(0, 0, 0.0))
            return Result(path, self.titles[path], Execution(0, 0, 0.0, Failure(0, 0, "", str(error))), _now())
        display.start(name, len(code_cells(notebook)))
        execution = execute(notebook, path.parent, {"COURSE_ROOT": str(self.top)}, self.limit, display.cell)
        result = Result(path, self.titles[path], execution, _now())
        display.end(result.state, execution)
        if result.state == "stopped":
            return result
        page, trouble = self._write_page(notebook, result)
        return replace(result, page=page, page_trouble=trouble)

    def _write_page(self, notebook: NotebookNode, result: Result) -> tuple[Path | None, str]:
        """Write a lesson's page; a page that cannot be written is remarked on and hides nothing."""
        execution = result.execution
        verdict = f"Ran on {result.when}: {execution.cells} cells in {execution.seconds:.1f} s."
        if execution.failure:
            verdict = f"Ran on {result.when} and failed{_of(execution)}: {execution.failure.reason}"
        try:
            return self._render(notebook, result.lesson, result.state, verdict, execution.failure), ""
        except Exception as error:  # nbconvert passes on whatever a template, a filter or an output raises
            (self.pages / html_page.page_name(result.lesson)).unlink(missing_ok=True)
            return None, f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"

    def _render(
        self, notebook: NotebookNode, lesson: Path, state: str, verdict: str, failure: Failure | None = None
    ) -> Path:
        place = self.lessons.index(lesson)
        page = html_page.Page(
            self.titles[lesson],
            state,
            verdict,
            failure,
            self._link(place - 1),
            self._link(place + 1),
        )
        return html_page.write_page(notebook, lesson, page, self.pages, self.lessons)

    def _link(self, place: int) -> html_page.Link | None:
        if not 0 <= place < len(self.lessons):
            return None
        path = self.lessons[place]
        return html_page.Link(html_page.page_name(path), f"{notebooks.number(path)} {self.titles[path]}")

    def _finish_pages(self) -> Path | None:
        """Write the pages of lessons that have none yet, without outputs, the record of runs, and the index."""
        try:
            record = html_index.load_record(self.pages)
            for result in self.results:
                if result.state == "stopped":
                    continue  # its page and its row stay as they were
                execution, failure = result.execution, result.execution.failure
                record[result.lesson.stem] = html_index.LastRun(
                    result.state,
                    execution.cells,
                    execution.done,
                    round(execution.seconds, 2),
                    result.when,
                    failure.cell if failure else 0,
                )
            html_index.save_record(self.pages, record)
            tried = {result.lesson for result in self.results if result.page_trouble}
            for path in self.lessons:
                if path not in tried and not (self.pages / html_page.page_name(path)).is_file():
                    self._write_unrun(path)
            return html_index.write_index(self.pages, self.lessons, self.titles, record, notebooks.labs(self.top))
        except OSError as error:
            self.console.print(f"The index could not be written: {error}", markup=False, soft_wrap=True)
            return None

    def _write_unrun(self, path: Path) -> None:
        try:
            notebook = notebooks.canonical(notebooks.read(path))
        except notebooks.NotANotebook:
            return
        command = f"make run LESSON={notebooks.number(path)}"
        self._render(notebook, path, "unrun", f"This lesson has not run here yet: `{command}` runs it.")

    # --- what the person sees ----------------------------------------------------------------------------------------

    def _report(self, result: Result, failure: Failure) -> None:
        """Print why a lesson failed, in a few lines."""
        lines = [f"Lesson {notebooks.number(result.lesson)} · {result.title} failed{_of(result.execution)}"]
        if failure.first_line:
            lines.append(f"  the cell begins     {failure.first_line}")
        if failure.offending and (failure.offending != failure.first_line):
            lines.append(f"  {failure.place:<18}  {failure.offending}")
        lines += [f"  {line}" for line in failure.reason.splitlines()]
        if result.page:
            anchor = "#failed" if failure.cell else ""
            lines.append(f"  page                {self._shown(result.page)}{anchor}")
        self.console.print()
        for line in lines:
            self.console.print(_cut(line), markup=False, soft_wrap=True, style="bold" if line is lines[0] else None)
        self.console.print()

    def _shown(self, path: Path) -> str:
        return str(path.relative_to(self.top)) if path.is_relative_to(self.top) else str(path)

    def _summarise(self, wanted: int, seconds: float, stopped: bool, index: Path | None) -> None:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("Lesson")
        table.add_column("Cells", justify="right")
        table.add_column("Seconds", justify="right")
        table.add_column("State")
        for result in self.results:
            execution = result.execution
            cells = str(execution.cells) if result.state == "ok" else f"{execution.done} of {execution.cells}"
            colour = {"ok": "green", "failed": "red", "stopped": "yellow"}[result.state]
            name = f"{notebooks.number(result.lesson)} {result.title}"
            table.add_row(name, cells, f"{execution.seconds:.1f}", f"[{colour}]{result.state}[/]")
        self.console.print()
        if self.results:
            self.console.print(table)
            self.console.print()
        for result in self.results:
            if result.page_trouble:
                name = html_page.page_name(result.lesson)
                trouble = f"The lesson {result.lesson.stem} ran, but its page {name} could not be written: "
                self.console.print(_cut(trouble + result.page_trouble), markup=False, soft_wrap=True)
        self.console.print(_verdict(self.results, wanted, seconds, stopped), markup=False, soft_wrap=True)
        if index:
            self.console.print(f"Pages: {self._shown(index)}", markup=False, soft_wrap=True)


class _Display:
    """The progress of the run: bars on a terminal, one line a lesson where the output goes to a file."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.progress: Progress | None = None
        if console.is_terminal:
            self.progress = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[note]}"),
                TimeElapsedColumn(),
                console=console,
                transient=True,
            )
        self.task: int = 0
        self.cells = 0

    @contextmanager
    def live(self) -> Iterator[None]:
        """Show the bars while the lessons run; the summary takes their place."""
        if self.progress is None:
            yield
            return
        with self.progress:
            yield

    def start(self, name: str, cells: int) -> None:
        """Say that a lesson starts."""
        self.cells = cells
        if self.progress is None:
            self.console.print(f"{name} … ", end="", markup=False, soft_wrap=True)
        else:
            self.task = self.progress.add_task(name, total=max(cells, 1), note="starting its kernel")

    def cell(self, count: int) -> None:
        """Say that a cell starts."""
        if self.progress is not None:
            note = f"cell {count} of {self.cells}"
            self.progress.update(self.task, completed=count - 1, note=note)  # type: ignore[arg-type]

    def end(self, state: str, execution: Execution) -> None:
        """Say how a lesson ended."""
        cells = f"{execution.done} of {execution.cells}" if state != "ok" else f"{execution.cells}"
        if self.progress is None:
            self.console.print(f"{state}, {cells} cells in {execution.seconds:.1f} s", markup=False, soft_wrap=True)
        else:
            note = f"{state}, {cells} cells"
            self.progress.update(self.task, completed=execution.done, note=note)  # type: ignore[arg-type]
            self.progress.stop_task(self.task)  # type: ignore[arg-type]


def _now() -> str:
    return f"{datetime.now():%Y-%m-%d %H:%M}"


def _title(path: Path) -> str:
    try:
        return notebooks.title(notebooks.read(path), path)
    except notebooks.NotANotebook:
        return path.stem[3:].replace("_", " ")


def _of(execution: Execution) -> str:
    failure = execution.failure
    return f" in cell [{failure.cell}] of {execution.cells}" if failure and failure.cell else ""


def _cut(line: str) -> str:
    return line if len(line) <= SHOWN_WIDTH else line[: SHOWN_WIDTH - 2] + " …"


def _verdict(results: Sequence[Result], wanted: int, seconds: float, stopped: bool) -> str:
    ran = [notebooks.number(result.lesson) for result in results if result.state == "ok"]
    failed = [notebooks.number(result.lesson) for result in results if result.state == "failed"]
    if stopped:
        names = f"lessons that ran: {', '.join(ran)}" if ran else "no lesson had run to its end"
        return f"Stopped by Ctrl-C after {seconds:.0f} s; {names}; no kernel is left running."
    if failed and wanted == 1:
        return f"The lesson failed, {seconds:.0f} s."
    if failed:
        return f"{len(failed)} of {wanted} lessons failed ({', '.join(failed)}), {seconds:.0f} s."
    if wanted == 1:
        return f"The lesson ran without an error, {seconds:.0f} s."
    return f"All {wanted} lessons ran without an error, {seconds:.0f} s."
