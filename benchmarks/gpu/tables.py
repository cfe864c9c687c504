"""Make Markdown tables of the recorded measurements: `python benchmarks/gpu/tables.py [data/measurements]`.

The README's GPU tables are this program's output. Each table names the machine and the day; what failed is listed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from nsight import COMPARED, GOAL, difference
from planted import CHECKERS
from results import read

from coursekit.recorded import LADDERS, recorded

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Print a table for each kind of measurement that the folder has."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "data" / "measurements")
    folder = parser.parse_args().folder
    contents = read(folder)
    if not contents:
        raise SystemExit(f"{folder} has no measurements; benchmarks/gpu/README.md says how they are made.")
    makers = {"ladders": lambda content: ladders(folder), "planted": planted, "profile": profile, "pytorch": pytorch,
              "lessons": lessons}  # fmt: skip
    for name, make in makers.items():
        if name in contents:
            content = contents[name]
            print("\n".join(["", f"### {name}", "", where(content), "", *make(content), *failures(content)]))


def where(content: dict[str, Any]) -> str:
    """Return the line that says on what, when and how a file was measured."""
    m = content["machine"]
    versions = ", ".join(f"{name} {m[name]}" for name in ("python", "torch", "pycuda", "numpy") if m.get(name))
    nvcc = (m.get("nvcc") or "none").split("release ")[-1].split(",")[0]
    also = "".join(f"; in part on {other['gpu']}" for other in content.get("also", []))
    told = (f"{m['gpu']} (name, driver, memory){also}", f"nvcc {nvcc}", versions, content["date"][:10])
    return "; ".join([*told, f"`{content['command']}`"])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table, its first column left, the others right."""
    lines = [list(head), ["---", *["---:"] * (len(head) - 1)], *map(list, rows)]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def failures(content: dict[str, Any]) -> list[str]:
    """Return a list of what could not be measured, and why."""
    failed = {key: item["error"] for key, item in content["items"].items() if "error" in item}
    lines = [f"- {key}: {' '.join(error.split())[-200:]}" for key, error in failed.items()]
    return ["", f"{len(failed)} failed:", *lines] if failed else []


def items(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the items that were measured, each with its key as `key`."""
    return [item | {"key": key} for key, item in content["items"].items() if "error" not in item]


def ladders(folder: Path) -> list[str]:
    """Return one table for each ladder, a rung in its fastest variant, and what the goals' rungs reached."""
    lines = []
    for name in LADDERS:
        found = recorded(name, folder)
        if found.rungs:
            head, *rows = found.rows()
            best = max((rung.share for rung in found.rungs if not rung.reference), default=0)
            lines += [*table(head, rows), "", f"Best of ours: {best:.1%}.", ""]
    return lines


def planted(content: dict[str, Any]) -> list[str]:
    """Return the table kernel × tool, and how many each tool found and falsely accused."""
    rows: dict[str, dict[bool, dict[str, Any]]] = {}
    for item in items(content):
        rows.setdefault(item["case"], {})[item["mended"]] = item
    lines = table(["kernel", "nogpu (emulated)", *CHECKERS],
                  [[case, _ours(pair[False]), *(_theirs(pair, tool) for tool in CHECKERS)]
                   for case, pair in rows.items() if False in pair])  # fmt: skip
    wrong = [pair[False] for pair in rows.values() if False in pair]
    mended = [pair[True] for pair in rows.values() if True in pair]
    lines += ["", "`line`: of the kernel, by the tool. `+`: its answer to the mended kernel, if not silence.", ""]
    for tool in CHECKERS:
        found = sum(item[tool]["verdict"] == "found" for item in wrong)
        alarms = sum(item[tool]["verdict"] == "found" for item in mended)
        lines.append(f"- {tool}: found {found} of {len(wrong)}; spoke up on {alarms} of {len(mended)} mended kernels")
    either = sum(any(item[tool]["verdict"] == "found" for tool in CHECKERS) for item in wrong)
    return [*lines, f"- one or more of the four: {either} of {len(wrong)}"]


def _ours(item: dict[str, Any]) -> str:
    return f"{item['nogpu']}: {item['kind']}" + f", line {item['line']}" * bool(item["line"])


def _theirs(pair: dict[bool, dict[str, Any]], tool: str) -> str:
    one = pair[False][tool]
    said = f"found, line {one['line']}" if one["verdict"] == "found" and one["line"] else one["verdict"]
    twin = pair.get(True, {}).get(tool, {}).get("verdict", "silent")
    return said if twin == "silent" else f"{said} + {twin}"


def profile(content: dict[str, Any]) -> list[str]:
    """Return nogpu's counters beside ncu's, and how many agree within the goal."""
    rows, agree, total = [], 0, 0
    for item in items(content):
        cells = []
        for name in COMPARED:
            ours, theirs = item["nogpu"][name], item.get("ncu", {}).get(name)
            if theirs is None:
                cells.append(f"{ours:.6g}, ?")
                continue
            near = difference(ours, theirs) <= GOAL
            total, agree = total + 1, agree + near
            cells.append(f"{ours:.6g}" if near else f"**{ours:.6g}, {theirs:.6g}**")
        rows.append([item["key"].removeprefix("test_").replace("_", " "), *cells])
    said = f"{agree} of {total} counters of {len(rows)} kernels agree within {GOAL:.0%}."
    head = ["kernel", *(name.replace("_", " ") for name in COMPARED)]
    return [*table(head, rows), "", f"{said} Others stand in bold, nogpu's figure first."]


def pytorch(content: dict[str, Any]) -> list[str]:
    """Return for each network a table way × batch size: milliseconds, and how many times eager's speed."""
    lines: list[str] = []
    measured = {(i["network"], i["way"], i["batch"]): i["median"] for i in items(content)}
    for network in dict.fromkeys(key[0] for key in measured):
        batches = sorted({key[2] for key in measured if key[0] == network})
        ways = dict.fromkeys(key[1] for key in measured if key[0] == network)
        rows = [[way, *(_faster(measured, network, way, batch) for batch in batches)] for way in ways]
        lines += [*table([f"{network}, ms (× eager)", *(f"batch {batch}" for batch in batches)], rows), ""]
    return lines


def _faster(measured: dict[tuple[str, str, int], float], network: str, way: str, batch: int) -> str:
    time, eager = measured.get((network, way, batch)), measured.get((network, "eager", batch))
    return "" if time is None else f"{time:.3g}" + (f" ({eager / time:.2f}×)" if eager and way != "eager" else "")


def lessons(content: dict[str, Any]) -> list[str]:
    """Return the seconds that each notebook took to its end."""
    return table(["notebook", "seconds"], [[item["key"], f"{item['seconds']:.0f}"] for item in items(content)])


if __name__ == "__main__":
    main()
