"""All that is measured on a GPU: `python benchmarks/gpu/measure.py all --out FOLDER`. See README.md here."""

from __future__ import annotations

import argparse
from pathlib import Path

from ladders import ladders
from lessons import lessons
from results import Results
from tools import planted, profile

STEPS = {
    "environment": lambda results, dry_run: results.add("seen", lambda: {"complete": True}),
    "ladders": ladders,
    "lessons": lessons,
    "profile": profile,
    "planted": planted,
}


def main() -> None:
    """Run one step, or all; each skips what its file already has."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=[*STEPS, "all"])
    parser.add_argument("--out", type=Path, required=True, help="folder for the JSON files")
    parser.add_argument("--dry-run", action="store_true", help="no GPU: try the script; its files say emulated")
    given = parser.parse_args()
    for name in STEPS if given.step == "all" else [given.step]:
        STEPS[name](Results(given.out, name, given.dry_run), given.dry_run)


if __name__ == "__main__":
    main()
