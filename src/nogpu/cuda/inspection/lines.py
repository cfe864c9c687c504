"""From addresses in compiled code to lines of the learner's source, by the debug information that the compiler wrote.

`addr2line` reads it: it comes with the linker that every compiler here needs.
"""

from __future__ import annotations

import functools
import re
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ..rewrite import FILE_NAME
from ..toolchain import Toolchain

_PLACE = re.compile(rf"(?:^|/){re.escape(FILE_NAME)}:(\d+)")


class Lines:
    """The lines of one compiled module. Asked for the same addresses again, it knows them."""

    def __init__(self, image: bytes) -> None:
        self._image = image
        self._known: dict[int, int] = {}

    def of(self, addresses: Iterable[int]) -> dict[int, int]:
        """Return the source line of each call, by its return address: a distance from the module's start.

        Where the code was inlined from a header, the line is that of the learner's source from which it came. 0 where
        the learner's source has nothing to do with it.
        """
        wanted = set(addresses)
        unknown = sorted(wanted - self._known.keys())
        if unknown:
            self._known.update(_ask(self._image, unknown))
        return {address: self._known[address] for address in wanted}


def _ask(image: bytes, addresses: list[int]) -> dict[int, int]:
    with tempfile.NamedTemporaryFile(prefix="nogpu-", suffix=".so") as file:
        file.write(image)
        file.flush()
        # the byte before the return address belongs to the call itself
        question = "\n".join(hex(address - 1) for address in addresses) + "\n"
        answer = subprocess.run(
            [_program(), "-e", file.name, "-i", "-a"], input=question, capture_output=True, text=True, check=False
        )
    frames: list[list[str]] = []
    for line in answer.stdout.splitlines():
        if line.startswith("0x"):
            frames.append([])
        elif frames:
            frames[-1].append(line)
    if len(frames) != len(addresses):
        return dict.fromkeys(addresses, 0)
    return {address: _first_line(places) for address, places in zip(addresses, frames, strict=True)}


def _first_line(places: list[str]) -> int:
    for place in places:
        match = _PLACE.search(place)
        if match:
            return int(match.group(1))
    return 0


@functools.cache
def _program() -> str:
    """Return addr2line's path: that of the compiler's own tools, where it names one."""
    answer = subprocess.run(
        [Toolchain.find().program, "-print-prog-name=addr2line"], capture_output=True, text=True, check=False
    )
    path = answer.stdout.strip()
    return path if answer.returncode == 0 and path and Path(path).exists() else "addr2line"
