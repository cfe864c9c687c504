"""`course progress`: a line per lab with a mark for each task, as last checked or graded."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from coursekit import progress
from coursekit.checks import all_labs

MARKS = {"passed": "[green]●[/]", "failed": "[red]✗[/]"}


def show(console: Console) -> None:
    """Print the table of all labs, and which task to turn to next."""
    states = {number: entry.get("state", "") for number, entry in progress.load().items()}
    table = Table(show_edge=False, pad_edge=False)
    for name, style in (("lab", "bold"), ("", ""), ("tasks", ""), ("points", "")):
        table.add_column(name, style=style, justify="right" if name == "points" else "left")
    upcoming = ""
    for lab in all_labs().values():
        done = [task for task in lab.tasks.values() if states.get(task.number) == "passed"]
        marks = " ".join(MARKS.get(states.get(number, ""), "[dim]○[/]") for number in lab.tasks)
        table.add_row(lab.number, lab.title, marks, f"{sum(task.points for task in done)} / {lab.points}")
        open_tasks = [task for task in lab.tasks.values() if task not in done]
        if open_tasks and not upcoming:
            upcoming = f"Next: {open_tasks[0].number} {open_tasks[0].title}, in labs/{lab.name}.ipynb"
    console.print(table)
    console.print(f"\n{upcoming or 'Every task of every lab is solved.'}")
    console.print("[dim]● solved  ✗ tried  ○ open, as last checked in a notebook or by `make grade`[/]")
