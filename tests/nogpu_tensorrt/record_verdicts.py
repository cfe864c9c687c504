"""Ask NVIDIA's TensorRT-RTX builder about the whole corpus and write its verdicts down: recorded_verdicts.json.

Run it where the extra `rtx` is installed, after a change of the corpus: python tests/nogpu_tensorrt/record_verdicts.py
"""

from __future__ import annotations

import datetime
import json
from typing import Any

from corpus import RECORDED, Case, all_cases, digest

from coursekit.nvidia import Question, Verdict, nvidia_says_of_all


def entry(case: Case, verdict: Verdict) -> dict[str, Any]:
    """Return what is kept of a verdict. NVIDIA's source lines and the CUDA error of a machine without GPU are not."""
    first = verdict.details[0] if verdict.details else {}
    text = str(first.get("description") or (verdict.errors[0] if verdict.errors else ""))
    return {
        "model": digest(case),
        "stage": "accepted" if verdict.accepted else verdict.stage,
        "code": first.get("code", ""),
        "node": first.get("node", -1),
        "operator": first.get("operator", ""),
        "text": text.split("[checkMacros.cpp")[0].strip(),
        "outputs": verdict.outputs,
    }


def main() -> None:
    """Record."""
    cases = all_cases()
    verdicts = nvidia_says_of_all([Question(case.model, case.profiles) for case in cases], seconds=60)
    version = next(verdict.version for verdict in verdicts if verdict.version)
    builder = f"NVIDIA TensorRT-RTX {version}, on the CPU"
    head = {"builder": builder, "date": datetime.date.today().isoformat()}
    lines = [
        f"{json.dumps(case.name)}: {json.dumps(entry(case, verdict))}"
        for case, verdict in zip(cases, verdicts, strict=True)
    ]
    RECORDED.write_text(json.dumps(head)[:-1] + ', "verdicts": {\n' + ",\n".join(lines) + "\n}}\n")
    print(f"{len(cases)} verdicts of {builder} in {RECORDED.name}")


if __name__ == "__main__":
    main()
