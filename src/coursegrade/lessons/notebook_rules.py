"""What a notebook of this course may look like: STYLE's limits, each breach named in plain words.

Called by tests/test_notebook_format.py for every lesson, solution and lab. The form of the file itself (canonical JSON,
no outputs) is `notebooks`' business and `course tidy` mends it; what is found here beyond that, its author mends.
"""

from __future__ import annotations

import re
import statistics
from pathlib import Path

from nbformat import NotebookNode

from coursegrade.lessons import notebooks

MAX_CELLS = 60
MAX_MEDIAN_LINES = 8  # of a code cell
MAX_LINES = 40  # of a code cell
OPT_IN = "opt-in-download"  # the tag of a cell that fetches only when its reader asks for it, and goes on without

# A region that the learner never sees counts as the two-line stub that stands in its place.
SOLUTION = re.compile(r"^([ \t]*)### BEGIN SOLUTION.*?### END SOLUTION[ \t]*$", re.MULTILINE | re.DOTALL)
STUB = r"\1# YOUR CODE HERE\n\1raise NotImplementedError()"

MACHINE_PATH = re.compile(
    r"(?<![\w.~/})-])/(?:home|Users|root|work|tmp|mnt|media|private|content|kaggle|scratch)/[\w.~-]+"
    r"|\b[A-Za-z]:[\\/]{1,2}(?:Users|Program Files|Windows|Temp)\b"
)
INSTALLS = re.compile(
    r"^\s*[!%]{1,2}\s*(?:pip3?|conda|mamba)\b"
    r"|^\s*[!%]{1,2}.*\b(?:pip3?|conda|mamba|uv|apt|apt-get|brew)\s+(?:\S+\s+)*install\b"
    r"|[\"']pip[\"']\s*,\s*[\"']install[\"']",
    re.MULTILINE,
)
FETCHES = re.compile(
    r"^\s*[!%]{1,2}.*\b(?:wget|curl|git\s+clone)\b"
    r"|\b(?:urlopen|urlretrieve|hf_hub_download|snapshot_download|load_state_dict_from_url|download_url_to_file)\s*\("
    r"|\b(?:requests|httpx)\.\w+\s*\("
    r"|\btorch\.hub\.\w+\s*\("
    r"|\bdownload\s*=\s*True\b|\bpretrained\s*=\s*True\b|\bweights\s*=\s*(?:[\"']|\w+_Weights\.)"
    r"|\b(?:read_\w+|load\w*|open\w*|get|fetch\w*|download\w*|from_url)\s*\(\s*[rf]{0,2}[\"']"
    r"(?:https?|ftp)://(?!127\.0\.0\.1|localhost)",
    re.MULTILINE,
)


def violations(path: Path) -> list[str]:
    """Return every breach of the course's rules in the notebook at `path`, one sentence each; [] if there is none."""
    try:
        document = notebooks.parse(path)
        notebook = notebooks.read(path)
        canonical = notebooks.text(notebook)
    except notebooks.NotANotebook as error:
        return [str(error)]
    found = notebooks.untidiness(document)
    if not found and path.read_bytes() != canonical.encode():
        found.append("its JSON is not in the canonical form (indent 1, sorted keys, no escapes, one final newline)")
    if found:
        found[-1] += f"; `course tidy {path.name}` mends that"
    return found + _sizes(notebook) + _contents(notebook)


def _sizes(notebook: NotebookNode) -> list[str]:
    found = []
    if len(notebook.cells) > MAX_CELLS:
        found.append(f"it has {len(notebook.cells)} cells; {MAX_CELLS} is the limit")
    lengths = []
    for position, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type != "code":
            continue
        lines = len(cell.source.splitlines())
        if lines > MAX_LINES:
            found.append(f"cell {position} has {lines} lines of code; {MAX_LINES} is the limit")
        lengths.append(len(SOLUTION.sub(STUB, cell.source).splitlines()))
    if lengths and statistics.median(lengths) > MAX_MEDIAN_LINES:
        median = f"{statistics.median(lengths):g}"
        found.append(f"its median code cell has {median} lines; {MAX_MEDIAN_LINES} is the limit")
    return found


def _contents(notebook: NotebookNode) -> list[str]:
    found = []
    for position, cell in enumerate(notebook.cells, start=1):
        machine = MACHINE_PATH.search(cell.source)
        if machine:
            found.append(f"cell {position} names a path of one machine, {machine[0]!r}")
        if cell.cell_type != "code":
            continue
        code = re.sub(r"^\s*#.*$", "", cell.source, flags=re.MULTILINE)  # comments may speak of anything
        if INSTALLS.search(code):
            found.append(f"cell {position} installs a package; pyproject.toml is the place for it")
        fetch = FETCHES.search(code)
        if fetch and OPT_IN not in cell.metadata.get("tags", []):
            found.append(
                f"cell {position} fetches from the network: {fetch[0].strip()!r} "
                f"(if only when asked, and with an offline default, tag the cell {OPT_IN!r})"
            )
    return found
