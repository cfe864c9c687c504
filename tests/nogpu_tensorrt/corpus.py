"""The corpus of ONNX models, what NVIDIA's builder says of each, and what nogpu.tensorrt says.

NVIDIA's verdicts are recorded in recorded_verdicts.json (by record_verdicts.py, where the extra `rtx` is installed), so
that the comparison runs everywhere; where the extra is there, test_oracle.py asks the builder itself as well.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpus_bad import bad
from corpus_building import Case
from corpus_disputed import REASONS, disputed
from corpus_good import good

RECORDED = Path(__file__).with_name("recorded_verdicts.json")


@dataclass(frozen=True)
class Said:
    """A verdict, reduced to what is compared: how far the model came, the first error's class, the outputs."""

    stage: str  # "parse" or "build": where it was refused; "accepted"; "crash"
    code: str = ""
    node: int = -1
    operator: str = ""
    text: str = ""
    outputs: tuple[tuple[str, str, tuple[int, ...]], ...] = ()

    def agrees_with(self, other: Said) -> bool:
        """Same stage, and where refused while parsing the same kind of error at the same node."""
        if self.stage != other.stage:
            return False
        if self.stage == "parse":  # where NVIDIA names no node, naming one is no contradiction
            return self.code == other.code and (-1 in (self.node, other.node) or self._place == other._place)
        return True

    @property
    def _place(self) -> tuple[int, str]:
        return self.node, self.operator


def all_cases() -> list[Case]:
    """Return the whole corpus."""
    return [*good(), *bad(), *disputed()]


def digest(case: Case) -> str:
    """Return a short fingerprint of a model, by which a stale record is noticed."""
    return hashlib.sha256(case.model).hexdigest()[:16]


def recorded() -> dict[str, Any]:
    """Return the record: version, date, and one entry per model."""
    found: dict[str, Any] = json.loads(RECORDED.read_text())
    return found


def as_said(entry: dict[str, Any]) -> Said:
    """Return a recorded entry as a `Said`."""
    outputs = tuple((name, kind, tuple(shape)) for name, kind, shape in entry["outputs"])
    return Said(entry["stage"], entry["code"], entry["node"], entry["operator"], entry["text"], outputs)


__all__ = ["REASONS", "Case", "Said", "all_cases", "as_said", "bad", "digest", "disputed", "good", "recorded"]
