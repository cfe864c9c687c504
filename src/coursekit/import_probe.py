"""Find out whether the compiled libraries really load, by importing them. Called by the doctor.

Only an import shows it, and a broken library may take its process down; so each group is imported in a process of its
own, side by side, since torchvision alone needs seconds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

TOGETHER = (("torch", "torchvision"), ("onnx", "onnxruntime"))
PROBE = """
import importlib, json, sys
import coursekit
for name in sys.argv[1:]:
    facts = {"name": name, "fault": "", "extra": None}
    try:
        module = importlib.import_module(name)
        if name == "torch":
            facts["extra"] = module.cuda.is_available()
        if name == "onnxruntime":
            facts["extra"] = module.get_available_providers()
    except BaseException as error:
        facts["fault"] = (str(error).strip() or type(error).__name__).splitlines()[0]
    print("probe:" + json.dumps(facts), flush=True)
"""


@dataclass(frozen=True)
class Probe:
    """How the import of one library went: `fault` is "" when it worked; `extra` is what only the library can tell."""

    fault: str
    extra: bool | list[str] | None = None


def probe() -> dict[str, Probe]:
    """Import the compiled libraries in processes of their own and return how each went."""
    command = [sys.executable, "-c", PROBE]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    running = [(names, subprocess.Popen([*command, *names], **pipes)) for names in TOGETHER]  # type: ignore[call-overload]
    results: dict[str, Probe] = {}
    for names, process in running:
        try:
            said = process.communicate(timeout=120)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            said = process.communicate()[0]
        for line in said.splitlines():
            if line.startswith("probe:"):
                facts = json.loads(line.removeprefix("probe:"))
                results[facts["name"]] = Probe(facts["fault"], facts["extra"])
        for name in names:
            results.setdefault(name, Probe(f"importing it ended the process (exit status {process.returncode})"))
    return results
