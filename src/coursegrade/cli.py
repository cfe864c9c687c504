"""The `course` command: one function per sub-command, each a door to the room that does the work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(
    name="course",
    help="From Tensors to TensorRT: run the lessons, check and grade the labs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
LabNumber = Annotated[str, typer.Argument(metavar="LAB", help="The lab's number, such as 03.")]


def _console() -> Console:
    return Console(highlight=False)


@app.command()
def doctor() -> None:
    """Show what this machine has, what is missing, and the cure."""
    from coursekit import doctor as room

    raise typer.Exit(room.report(_console()))


@app.command()
def run(
    lessons: Annotated[list[str] | None, typer.Argument(metavar="LESSON", help="Numbers; all if none.")] = None,
) -> None:
    """Run lessons in fresh kernels and write them, executed, to build/html/."""
    from coursegrade.lessons import runner

    raise typer.Exit(runner.run(lessons or [], _console()))


@app.command()
def check(lab: LabNumber) -> None:
    """Check one of your labs (as it was last saved), as `grade` does."""
    from coursegrade.grading import grade as room

    raise typer.Exit(room.grade([], lab, _console()))


@app.command()
def grade(
    paths: Annotated[list[Path] | None, typer.Argument(metavar="PATH", help="Notebooks; your labs/ if none.")] = None,
    lab: Annotated[str | None, typer.Option(help="Grade only this one of your labs, such as 03.")] = None,
    submissions: Annotated[Path | None, typer.Option(help="A class: this folder's STUDENT/LAB.ipynb.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where a class's scores and feedback go.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="How many submissions at a time.")] = 1,
    trust_me: Annotated[bool, typer.Option("--trust-me", help="Grade a class even without a sandbox.")] = False,
    scheduler: Annotated[str | None, typer.Option(help="A Dask scheduler's address: its workers grade.")] = None,
    private_checks: Annotated[Path | None, typer.Option(help="Your own checks, hidden from the class.")] = None,
) -> None:
    """Grade labs: a table of points and reasons, and build/grade/report.json; or a whole class."""
    if submissions:
        from coursegrade.grading import batch

        if paths or lab or out is None:
            raise typer.BadParameter("--submissions goes with --out, and without notebooks or --lab")
        raise typer.Exit(batch.grade_all(submissions, out, jobs, trust_me, _console(), private_checks, scheduler))
    if private_checks or scheduler:
        raise typer.BadParameter("--private-checks and --scheduler go with --submissions")
    from coursegrade.grading import grade as room

    if paths and lab:
        raise typer.BadParameter("give either notebooks or --lab, not both")
    raise typer.Exit(room.grade(paths or [], lab, _console()))


@app.command()
def regrade(
    notebook: Annotated[Path, typer.Argument(metavar="NOTEBOOK", help="The notebook, as it was handed in.")],
    seed: Annotated[str, typer.Option(help="The seed that its report or scores.csv names.")],
    private_checks: Annotated[Path | None, typer.Option(help="The checks of your own that it was graded with.")] = None,
    trust_me: Annotated[bool, typer.Option("--trust-me", help="Grade it even without a sandbox.")] = False,
) -> None:
    """Grade one notebook again with the same inputs as before, for an appeal."""
    from coursegrade.grading import grade as room

    try:
        key = bytes.fromhex(seed)
    except ValueError:
        raise typer.BadParameter(f"{seed!r} is no seed: it consists of hexadecimal digits") from None
    if not key:
        raise typer.BadParameter("the seed is empty")
    raise typer.Exit(room.regrade(notebook, key, _console(), private_checks, trust_me))


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where a class was graded into: grade's --out.")],
    no_names: Annotated[bool, typer.Option("--no-names", help="Numbers for names, for a projector.")] = False,
) -> None:
    """Show a graded class on one page, DIR/class.html: scores, tasks, commonest wrong answers, copies, times."""
    from coursegrade.grading import class_report

    raise typer.Exit(class_report.write(folder, not no_names, _console()))


@app.command()
def merge(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where a class was graded into: grade's --out.")],
) -> None:
    """Add the points of DIR/by_a_person/*.csv, as filled in by a person, to a class's scores and feedback."""
    from coursegrade.grading import marking

    raise typer.Exit(marking.merge(folder, _console()))


@app.command()
def labs(check: Annotated[bool, typer.Option("--check", help="Only compare; fail if they disagree.")] = False) -> None:
    """Make labs/ from solutions/, leaving alone what you have changed."""
    from coursegrade.lessons import labs as room

    raise typer.Exit(room.compare(_console()) if check else room.make(_console()))


@app.command()
def reset(lab: LabNumber) -> None:
    """Lay a fresh copy of a lab; yours is kept in build/backup/."""
    from coursegrade.lessons import labs as room

    raise typer.Exit(room.reset(lab, _console()))


@app.command()
def progress() -> None:
    """Show how far you are: every task, as last checked."""
    from coursegrade.lessons import progress_table

    progress_table.show(_console())


@app.command()
def tidy(
    paths: Annotated[list[Path] | None, typer.Argument(metavar="PATH", help="Notebooks; all if none.")] = None,
) -> None:
    """Bring notebooks into the form that is committed: no outputs, canonical JSON."""
    from coursegrade.lessons import notebooks

    raise typer.Exit(notebooks.tidy_all(paths or [], _console()))
