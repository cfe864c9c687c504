"""One JSON file per measurement, written after every item so that a stopped run can go on. Used by measure.py."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import platform
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Results:
    """The file `<folder>/<name>.json`: what was measured where, and one entry per item.

    Only items whose key contains `only` are measured.
    """

    def __init__(self, folder: Path, name: str, dry_run: bool, only: str = "") -> None:
        if dry_run and "measurements" in folder.resolve().parts:
            raise ValueError(f"{folder} keeps measurements; a dry run is emulated: give it another folder.")
        folder.mkdir(parents=True, exist_ok=True)
        self.path, self.only = folder / f"{name}.json", only
        where = {"emulated": True} if dry_run else machine()
        command = f"python benchmarks/gpu/measure.py {name}"
        fresh: dict[str, Any] = {"schema": 1, "name": name, "machine": where, "command": command, "items": {}}
        fresh["date"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        self.content = json.loads(self.path.read_text()) if self.path.exists() else fresh
        if self.content["machine"].get("emulated", False) != dry_run:
            raise ValueError(f"{self.path} mixes emulated and measured figures: give another folder.")
        if gpu_name(self.content["machine"]) != gpu_name(where):
            raise ValueError(f"{self.path} is of another GPU: give another folder.")
        if where != self.content["machine"] and where not in self.content.setdefault("also", []):
            self.content["also"].append(where)  # the same GPU, another driver or tool: a later session went on

    def wants(self, prefix: str) -> bool:
        """Return whether items whose keys begin so can be asked for."""
        return self.only in prefix or prefix in self.only

    def lacks(self, key: str) -> bool:
        """Return whether an item is asked for and not measured yet; what failed is tried again."""
        return self.only in key and "error" in self.content["items"].get(key, {"error": "not yet"})

    def add(self, key: str, measure: Callable[[], Any]) -> None:
        """Measure one item unless the file has it; an exception is recorded as the item's `error`."""
        if not self.lacks(key):
            return
        try:
            value = measure()
        except Exception as error:
            value = {"error": f"{type(error).__name__}: {error}"[-4000:]}
        self.content["items"][key] = value
        self.path.write_text(json.dumps(self.content, ensure_ascii=False) + "\n")
        said = "FAILED " + value["error"][-300:] if "error" in value else "done"
        if "median" in value:
            said = f"{value['median']:.4g} ms, {value['rate']:.4g} {value['unit']}"
        print(f"{self.path.stem}: {key}: {said}", flush=True)


def machine() -> dict[str, Any]:
    """Return device, driver, compiler and package versions, as the programs on this machine tell them."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    facts: dict[str, Any] = {"python": platform.python_version()}
    for name, command in {"gpu": query, "nvcc": ["nvcc", "--version"], "ncu": ["ncu", "--version"],
                          "compute-sanitizer": ["compute-sanitizer", "--version"]}.items():  # fmt: skip
        found = shutil.which(command[0])
        facts[name] = subprocess.run(command, capture_output=True, text=True).stdout.strip() if found else None
    for package in ("torch", "pycuda", "numpy", "triton"):
        try:
            facts[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            facts[package] = None
    return facts


def gpu_name(machine: dict[str, Any]) -> str:
    """Return the GPU's name alone, without driver and memory."""
    return (machine.get("gpu") or "").split(",")[0]


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Return name -> content of every result file in a folder; emulated ones are left out."""
    contents = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    return {c["name"]: c for c in contents if c.get("schema") == 1 and not c["machine"].get("emulated")}
