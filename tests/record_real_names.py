"""Writes real_names.json: which names the real packages have that no test machine without a GPU can import.

Not a test. Run by hand when a pinned version changes:

    python tests/record_real_names.py pycuda-2026.1.tar.gz tensorrt-11.4-python-api.txt

From the source of PyCUDA's C++ extension come the names that `pycuda._driver` and its classes have (its Python layer is
installed everywhere, so it is asked directly). From a listing of TensorRT's bindings, one member a line with its
signature, comes what each method returns; the members themselves are in nogpu_tensorrt/bindings_11_4.json.
"""

from __future__ import annotations

import json
import re
import sys
import tarfile
from pathlib import Path
from typing import Any

MODULE = "module"
WORDS = [  # (pattern, what it opens or adds), tried at each place of the C++ text in this order
    (r'py::enum_<[^>]*>\s*\(\s*"(\w+)"', "opens"),
    (r'py::class_<[^;{]*?>\s*\w*\s*\(\s*"(\w+)"', "opens"),
    (r'py::def\s*\(\s*"(\w+)"', "module"),
    (r"DEF_SIMPLE_FUNCTION(?:_WITH_ARGS)?\s*\((\w+)", "module"),
    (r'py::scope\(\)\.attr\("(\w+)"\)', "module"),
    (r"DECLARE_EXC\((\w+),", "module"),
    (r'\.(?:value|def|add_property|def_readonly|def_readwrite)\s*\(\s*"(\w+)"', "adds"),
    (r"DEF_SIMPLE_(?:METHOD|RO_MEMBER|RW_MEMBER)(?:_WITH_ARGS)?\s*\((\w+)", "adds"),
    (r'cls\.attr\("(\w+)"\)', "adds"),
]
RETURNS = re.compile(r"^(\w+\.\w+) meth .*\) -> (?:\w+\.)*(\w+)$", re.MULTILINE)


def driver_names(source: str) -> dict[str, list[str]]:
    """Return the names of the extension by class; those of the module itself under "module"."""
    found: dict[str, set[str]] = {MODULE: set()}
    together = "|".join(f"(?P<w{number}>{pattern})" for number, (pattern, _) in enumerate(WORDS))
    current = MODULE
    for match in re.finditer(together, source, re.DOTALL):
        number = int(str(match.lastgroup)[1:]) if match.lastgroup else -1
        pattern, role = WORDS[number]
        inner = re.match(pattern, match[0], re.DOTALL)
        assert inner is not None
        if role == "opens":
            current = inner[1]
            found[MODULE].add(current)
            found.setdefault(current, set())
        else:
            found[MODULE if role == "module" else current].add(inner[1])
    return {name: sorted(members) for name, members in sorted(found.items())}


def main(sdist: Path, listing: Path) -> None:
    """Write the file beside this script."""
    with tarfile.open(sdist) as archive:
        parts = [archive.extractfile(m) for m in archive.getmembers() if re.search(r"src/wrapper/\w+\.cpp$", m.name)]
        source = "\n".join(part.read().decode() for part in parts if part is not None)
    returned = dict(RETURNS.findall(listing.read_text()))
    names: dict[str, Any] = {"pycuda._driver": driver_names(source), "tensorrt returns": returned}
    target = Path(__file__).with_name("real_names.json")
    target.write_text(json.dumps(names, indent=None, separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
