"""Lessons and lab solutions run headless, unmodified, each in a kernel of its own. For measure.py."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from results import Results

ROOT = Path(__file__).parents[2]
NUMBERS = ("07", "08", "09", "10", "01", "02", "03", "04", "06")  # what only a GPU can show comes first
SECONDS, TOGETHER = 300, 4  # of one cell; notebooks at a time
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def lessons(results: Results, dry_run: bool) -> None:
    """Run every notebook and solution of the parts that a GPU concerns; a dry run runs what --only names.

    Several run at a time: their seconds say that they end, not how fast they are.
    """
    forms = ("notebooks/{}_*.ipynb", "solutions/lab_{}_*.ipynb")
    found = [path for number in NUMBERS for form in forms for path in ROOT.glob(form.format(number))]
    paths = {str(path.relative_to(ROOT)): path for path in found}
    with ThreadPoolExecutor(1 if dry_run else TOGETHER) as pool:
        running = {pool.submit(_run, path): key for key, path in paths.items() if results.lacks(key)}
        for done in as_completed(running):
            results.add(running[done], done.result)


def _run(path: Path) -> dict[str, Any]:
    """Run one notebook; return its seconds, its banner and what its cells printed that looks like a fault."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    begin = time.perf_counter()
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(path.parent)}})
    try:
        client.execute()
    except CellExecutionError as error:
        raise RuntimeError(_COLOUR.sub("", str(error))[-2500:]) from None
    texts = [text for cell in notebook.cells if cell.cell_type == "code" for text in _texts(cell)]
    banner = next((text.strip() for text in texts if "pycuda" in text.lower() or "torch" in text.lower()), "")
    faults = [text[-500:] for text in texts if re.search(r"not yet attempted|Wrong|✗|Warning:", text)]
    return {"seconds": time.perf_counter() - begin, "banner": banner[:300], "suspicious": faults[:8]}


def _texts(cell: Any) -> list[str]:
    return [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
