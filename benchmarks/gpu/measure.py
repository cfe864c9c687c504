"""All that is measured on a GPU: `python benchmarks/gpu/measure.py STEP --out FOLDER`. See README.md here."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from results import Results

# Step -> the module here that has a function of the step's name; `all` does them in this order.
STEPS = {"ladders": "ladders", "lessons": "lessons", "planted": "planted", "profile": "nsight", "pytorch": "pytorch"}


def main() -> None:
    """Run one step, or all; each skips what its file already has."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=[*STEPS, "all"])
    parser.add_argument("--out", type=Path, required=True, help="folder for the JSON files")
    parser.add_argument("--only", default="", help="items whose name contains this")
    parser.add_argument("--dry-run", action="store_true", help="no GPU: try the script; its files say emulated")
    given = parser.parse_args()
    for name in STEPS if given.step == "all" else [given.step]:
        run = getattr(importlib.import_module(STEPS[name]), name)
        run(Results(given.out, name, given.dry_run, given.only), given.dry_run)


if __name__ == "__main__":
    main()
