"""`python -m coursegrade` is the `course` command."""

from coursegrade.cli import app

app(prog_name="course")
