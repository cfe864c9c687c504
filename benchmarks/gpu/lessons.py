"""Lessons and lab solutions run headless, unmodified, each in a kernel of its own. Used by measure.py."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from results import Results

ROOT = Path(__file__).parents[2]
NUMBERS = ("01", "02", "03", "04", "07", "08", "09", "10")


def lessons(results: Results, dry_run: bool) -> None:
    """Run every notebook and solution of the parts that a GPU concerns; a dry run runs the first only."""
    forms = ("notebooks/{}_*.ipynb", "solutions/lab_{}_*.ipynb")
    paths = [path for number in NUMBERS for form in forms for path in ROOT.glob(form.format(number))]
    for path in paths[: 1 if dry_run else None]:
        results.add(str(path.relative_to(ROOT)), lambda path=path: _run(path))


def _run(path: Path) -> dict[str, Any]:
    import nbformat
    from nbclient import NotebookClient

    begin = time.perf_counter()
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=180, resources={"metadata": {"path": str(path.parent)}}).execute()
    return {"seconds": time.perf_counter() - begin}
