"""Ask NVIDIA's own builder: would it parse this ONNX file and build a plan from it? No GPU is needed for that.

The builder of TensorRT-RTX (the extra `rtx`: `pip install .[rtx]`) works on a CPU. It shares its ONNX parser and most
rules with TensorRT, but it is not TensorRT: an answer here means "NVIDIA's RTX builder parsed and built it", never
"TensorRT runs it". Used in lessons 11 to 13, and by the tests as the judge of `nogpu.tensorrt`. It works in a child
process, so that whatever happens in there cannot disturb the notebook.
"""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Ranges = Mapping[str, Sequence[Sequence[int]]]  # input name -> (min, opt, max)
CHILD = Path(__file__).with_name("nvidia_child.py")
MISSING = (
    "NVIDIA's RTX builder is not installed here, so it cannot be asked. It needs no GPU, only Linux (x86-64) or "
    "Windows and 100 MB to download: pip install '.[rtx]' in the course's folder."
)


class BuilderMissing(RuntimeError):
    """The extra `rtx` is not installed, or there is none for this machine."""


@dataclass(frozen=True)
class Question:
    """One model to ask about. `profiles`: one mapping per profile, input name -> (min, opt, max) shapes (or values)."""

    model: bytes
    profiles: Sequence[Ranges] = ()
    path: Path | None = None  # the file that the bytes are from, needed when weights lie beside it
    build: bool = True  # False: parse only


@dataclass(frozen=True)
class Verdict:
    """What NVIDIA's TensorRT-RTX builder said of one model, on the CPU."""

    accepted: bool
    stage: str  # "parse" or "build": how far it came; "crash" when the builder itself broke down or took too long
    errors: list[str] = field(default_factory=list)  # the parser's errors, then what the builder logged as errors
    log: list[tuple[str, str]] = field(default_factory=list)  # (severity, text), verbose ones included
    seconds: float = 0.0
    version: str = ""
    details: list[dict[str, Any]] = field(default_factory=list)  # the parser's errors, field by field
    inputs: list[list[Any]] = field(default_factory=list)  # [name, data type, shape], -1 for a dynamic size
    outputs: list[list[Any]] = field(default_factory=list)

    def __str__(self) -> str:
        who = f"NVIDIA's TensorRT-RTX builder {self.version} (on the CPU)".replace("  ", " ")
        if self.stage == "crash":
            return f"{who} broke down on this model: {self.errors[0]}"
        if self.accepted:
            return f"{who} parsed and built it in {self.seconds:.1f} s. (It was not run.)"
        did = "parsed it, but did not build it" if self.stage == "build" else "refused it while parsing"
        return "\n  ".join([f"{who} {did}:", *self.errors])


def nvidia_says(
    model: bytes | str | Path, profiles: Ranges | Sequence[Ranges] | None = None, *, seconds: float = 120.0
) -> Verdict:
    """Ask NVIDIA's TensorRT-RTX builder, on the CPU, whether it would parse and build an ONNX model.

    Args:
        model: the bytes of an ONNX file, or its path.
        profiles: for a model with dynamic inputs {"input": (min, opt, max)}, each a shape; a list of such for several
            optimisation profiles.
        seconds: how long it may take.

    Raises BuilderMissing when the extra `rtx` is not installed.
    """
    path = Path(model) if isinstance(model, (str, Path)) else None
    data = path.read_bytes() if path is not None else bytes(model)  # type: ignore[arg-type]
    several = [profiles] if isinstance(profiles, Mapping) else list(profiles or ())
    return nvidia_says_of_all([Question(data, several, path)], seconds=seconds)[0]


def nvidia_says_of_all(questions: Sequence[Question], *, seconds: float = 120.0) -> list[Verdict]:
    """Ask about many models with as few processes as possible: a new one only after a model that broke the last one."""
    if importlib.util.find_spec("tensorrt_rtx") is None:
        raise BuilderMissing(MISSING)
    verdicts: list[Verdict] = []
    while len(verdicts) < len(questions):
        verdicts += _ask(questions[len(verdicts) :], seconds)
    return verdicts


def _ask(questions: Sequence[Question], seconds: float) -> list[Verdict]:
    """Return the verdicts of one child process: for all the questions, or up to the one that it died of."""
    with tempfile.TemporaryDirectory(prefix="nvidia-builder-") as name:
        folder = Path(name)
        listed = []
        for number, question in enumerate(questions):
            (folder / f"{number}.onnx").write_bytes(question.model)
            plain = [{key: [list(shape) for shape in three] for key, three in p.items()} for p in question.profiles]
            place = str(question.path) if question.path else ""
            listed.append({"model": f"{number}.onnx", "profiles": plain, "path": place, "build": question.build})
        (folder / "questions.json").write_text(json.dumps({"seconds": seconds, "questions": listed}))
        try:
            child = subprocess.run(
                [sys.executable, str(CHILD), str(folder)], capture_output=True, timeout=seconds * len(questions) + 60
            )
            ended, complaint = child.returncode, child.stderr.decode(errors="replace")
        except subprocess.TimeoutExpired:
            ended, complaint = -getattr(signal, "SIGALRM", 14), ""
        answers = folder / "answers.jsonl"
        lines = answers.read_text().splitlines() if answers.exists() else []
    verdicts = [_verdict(json.loads(line)) for line in lines]
    if len(verdicts) < len(questions):
        verdicts.append(Verdict(False, "crash", [_death(ended, complaint, seconds)]))
    return verdicts


def _verdict(said: dict[str, Any]) -> Verdict:
    details = said["errors"]
    errors = [_without_driver(error["text"]) for error in details]
    if said["stage"] == "build" and not said["accepted"]:
        logged = [_without_driver(text) for severity, text in said["log"] if severity in ("ERROR", "INTERNAL_ERROR")]
        errors += [text for text in logged if text]
    return Verdict(
        accepted=said["accepted"],
        stage=said["stage"],
        errors=errors or ([] if said["accepted"] else ["it gave no reason"]),
        log=[(severity, text) for severity, text in said["log"]],
        seconds=said["seconds"],
        version=said["version"],
        details=details,
        inputs=said["inputs"],
        outputs=said["outputs"],
    )


def _without_driver(text: str) -> str:
    """Drop what NVIDIA's library adds on a machine without its driver: it has nothing to do with the model."""
    return "\n".join(line for line in text.splitlines() if "CUDA driver version is insufficient" not in line).strip()


def _death(code: int, complaint: str, seconds: float) -> str:
    """Say in one sentence how the child process ended."""
    if code == -getattr(signal, "SIGALRM", 14):
        return f"it gave no answer within {seconds:g} s"
    if code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    last = complaint.strip().splitlines()[-1:] or ["it said nothing"]
    return f"its process ended with status {code}: {last[0]}"
