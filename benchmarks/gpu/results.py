"""One JSON file per measurement, written after every item so that a stopped run can go on. Used by measure.py."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Results:
    """The file `<folder>/<name>.json`: what was measured where, and one entry per item."""

    def __init__(self, folder: Path, name: str, dry_run: bool) -> None:
        if dry_run and "measurements" in folder.resolve().parts:
            raise ValueError(f"{folder} keeps measurements; a dry run is emulated: give it another folder.")
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{name}.json"
        where = {"emulated": True} if dry_run else machine()
        fresh: dict[str, Any] = {"schema": 1, "name": name, "machine": where, "command": sys.argv, "items": {}}
        fresh["date"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        self.content = json.loads(self.path.read_text()) if self.path.exists() else fresh
        if self.content["machine"].get("emulated", False) != dry_run:
            raise ValueError(f"{self.path} mixes emulated and measured figures: give another folder.")

    def add(self, key: str, measure: Callable[[], Any]) -> None:
        """Measure one item unless the file has it; an exception is recorded as the item's `error`."""
        if key in self.content["items"] and "error" not in self.content["items"][key]:
            return
        try:
            value = measure()
        except Exception as error:
            value = {"error": f"{type(error).__name__}: {error}"[-4000:]}
        self.content["items"][key] = value
        self.path.write_text(json.dumps(self.content, indent=1) + "\n")
        said = "FAILED " + value["error"][-300:] if "error" in value else "done"
        print(f"{self.path.stem}: {key}: {said}", flush=True)


def machine() -> dict[str, Any]:
    """Return device, driver, compiler and package versions, as the programs on this machine tell them."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    facts: dict[str, Any] = {"python": platform.python_version(), "kernel": platform.release()}
    for name, command in {"gpu": query, "nvcc": ["nvcc", "--version"], "ncu": ["ncu", "--version"],
                          "compute-sanitizer": ["compute-sanitizer", "--version"]}.items():  # fmt: skip
        found = shutil.which(command[0])
        facts[name] = subprocess.run(command, capture_output=True, text=True).stdout.strip() if found else None
    for package in ("torch", "cupy", "pycuda", "numpy"):
        try:
            facts[package] = importlib.metadata.version("cupy-cuda13x" if package == "cupy" else package)
        except importlib.metadata.PackageNotFoundError as error:
            facts[package] = f"missing: {error}"
    return facts


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Return name -> content of every result file in a folder; emulated ones are left out."""
    contents = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    return {c["name"]: c for c in contents if c.get("schema") == 1 and not c["machine"].get("emulated")}
