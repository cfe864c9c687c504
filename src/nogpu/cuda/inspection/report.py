"""What an inspected launch found: a `Report` with its `Finding`s, shown in a terminal, in a notebook, or as plain text.

Made by inspect.py; read by notebooks, by checks, and across the grader's border (`to_plain`, `from_plain`).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from html import escape
from typing import Any

from .profile import Access, Profile

Triple = tuple[int, int, int]
ORIGIN: Triple = (0, 0, 0)

SHOWN = 8  # findings written out; of the rest only the number


@dataclass
class Finding:
    """One thing that is wrong with a kernel, or (severity "advice") worth knowing.

    `tool` is the one of NVIDIA's compute-sanitizer that would find it: memcheck, racecheck, initcheck or synccheck.
    `line` and `other_line` count from 1 in the source as it was given; 0 where there is none. `index` is the element of
    `array`; None where there is none. `count` is how often the same happened at the same lines.
    """

    tool: str
    kind: str
    severity: str = "error"
    line: int = 0
    text: str = ""
    other_line: int = 0
    other_text: str = ""
    thread: Triple | None = None
    block: Triple | None = None
    other_thread: Triple | None = None
    other_block: Triple | None = None
    array: str = ""
    index: int | None = None
    message: str = ""
    hint: str = ""
    count: int = 1

    def __str__(self) -> str:
        return self.message

    def to_plain(self) -> dict[str, Any]:
        """Return the finding as None, int, str, list and dict only."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @staticmethod
    def from_plain(plain: dict[str, Any]) -> Finding:
        """Return the finding that `to_plain` turned into `plain`."""
        values: dict[str, Any] = {n: _triple(v) if isinstance(v, list) else v for n, v in plain.items()}
        return Finding(**values)


def _triple(numbers: list[int]) -> Triple:
    x, y, z = numbers
    return x, y, z


@dataclass
class Report:
    """The outcome of `nogpu.inspect`: what is wrong, and what the launch did to memory."""

    kernel: str
    source: str = field(repr=False)
    block: Triple
    grid: Triple
    findings: list[Finding] = field(default_factory=list)
    profile: Profile = field(default_factory=Profile, repr=False)
    seconds: float = 0.0
    dropped: int = 0  # findings beyond those that are kept

    @property
    def ok(self) -> bool:
        """Say whether there is no error; there may be advice."""
        return not self.errors

    @property
    def errors(self) -> list[Finding]:
        """The findings that are errors, the most important first."""
        return [finding for finding in self.findings if finding.severity == "error"]

    @property
    def advice(self) -> list[Finding]:
        """The findings that are no errors."""
        return [finding for finding in self.findings if finding.severity != "error"]

    def accesses(self, line: int, warp: int = 0, block: Triple = ORIGIN, occurrence: int = 0) -> list[Access]:
        """Return what the lanes of one warp accessed at `line`; see `Profile.accesses`."""
        return self.profile.accesses(line, warp, block, occurrence)

    def summary(self) -> str:
        """Return one line: the kernel, its launch, and how much was found."""
        found = ", ".join(
            _count(len(each), noun) for each, noun in ((self.errors, "error"), (self.advice, "hint")) if each
        )
        return f"{self.kernel}: {found or 'nothing wrong found'} ({_launch(self.grid, self.block)})"

    def to_plain(self) -> dict[str, Any]:
        """Return the report as None, bool, int, float, str, list and dict only."""
        return {
            "kernel": self.kernel,
            "source": self.source,
            "block": list(self.block),
            "grid": list(self.grid),
            "findings": [finding.to_plain() for finding in self.findings],
            "profile": self.profile.to_plain(),
            "seconds": self.seconds,
            "dropped": self.dropped,
        }

    @staticmethod
    def from_plain(plain: dict[str, Any]) -> Report:
        """Return the report that `to_plain` turned into `plain`."""
        profile = Profile.from_plain(plain["profile"])
        profile.source = plain["source"]
        return Report(
            plain["kernel"], plain["source"], _triple(plain["block"]), _triple(plain["grid"]),
            [Finding.from_plain(each) for each in plain["findings"]],
            profile, plain["seconds"], plain["dropped"],
        )  # fmt: skip

    def __str__(self) -> str:
        from rich.console import Console

        console = Console(file=io.StringIO(), width=100, color_system=None)
        console.print(self)
        lines = str(console.file.getvalue()).splitlines()  # type: ignore[attr-defined]
        return "\n".join(line.rstrip() for line in lines).rstrip()

    def __rich__(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        parts: list[Any] = [Text(self.summary(), style="bold red" if self.errors else "bold green")]
        for finding in self.findings[:SHOWN]:
            parts += ["", *self._rich_finding(finding)]
        if self._rest():
            parts += ["", Text(self._rest(), style="dim")]
        return Group(*parts)

    def _rich_finding(self, finding: Finding) -> Iterator[Any]:
        from rich.padding import Padding
        from rich.text import Text

        head = Text()
        head.append(finding.kind, style="bold red" if finding.severity == "error" else "bold yellow")
        head.append(f"  {_where(finding)}", style="dim")
        yield head
        for number, text in finding_lines(finding):
            yield Text(f"  {number:>4} │ {text}", style="cyan", no_wrap=True, overflow="ellipsis")
        yield Padding(Text(finding.message), (0, 0, 0, 2))
        if finding.hint:
            yield Padding(Text(f"→ {finding.hint}", style="green"), (0, 0, 0, 2))

    def _rest(self) -> str:
        rest = max(0, len(self.findings) - SHOWN) + self.dropped
        return f"and {_count(rest, 'more finding')}: mend the first ones, and inspect again" if rest else ""

    def _repr_html_(self) -> str:
        colour = "#b00020" if self.errors else "#1b5e20"
        parts = [f'<div style="font-weight:600;color:{colour}">{escape(self.summary())}</div>']
        parts += [_html_finding(finding) for finding in self.findings[:SHOWN]]
        if self._rest():
            parts.append(f'<div style="color:#666">{escape(self._rest())}</div>')
        return f'<div style="line-height:1.45;max-width:60em">{"".join(parts)}</div>'


def finding_lines(finding: Finding) -> list[tuple[int, str]]:
    """Return (number, text) of the source lines that a finding is about, in the source's order, each once."""
    lines = {finding.line: finding.text, finding.other_line: finding.other_text}
    return [(number, text.strip()) for number, text in sorted(lines.items()) if number]


def _html_finding(finding: Finding) -> str:
    colour = "#b00020" if finding.severity == "error" else "#8a5a00"
    code = "".join(
        f'<span style="color:#888">{number:>4} │ </span>{escape(text)}\n' for number, text in finding_lines(finding)
    )
    pre = (
        f'<pre style="margin:.2em 0;padding:.3em .6em;background:rgba(127,127,127,.12);overflow-x:auto">{code}</pre>'
        if code
        else ""
    )
    hint = f'<div style="color:#1b5e20">→ {escape(finding.hint)}</div>' if finding.hint else ""
    return (
        f'<div style="margin:.7em 0;padding-left:.7em;border-left:3px solid {colour}">'
        f'<div><span style="font-weight:600;color:{colour}">{escape(finding.kind)}</span> '
        f'<span style="color:#666">{escape(_where(finding))}</span></div>{pre}'
        f"<div>{escape(finding.message)}</div>{hint}</div>"
    )


def _where(finding: Finding) -> str:
    times = f" · {finding.count:,} times" if finding.count > 1 else ""
    return f"{finding.tool}{f' · line {finding.line}' if finding.line else ''}{times}"


def _launch(grid: Triple, block: Triple) -> str:
    return f"{_size(grid)} block{'s' * (grid != (1, 1, 1))} of {_size(block)} thread{'s' * (block != (1, 1, 1))}"


def _size(shape: Triple) -> str:
    sizes = list(shape)
    while len(sizes) > 1 and sizes[-1] == 1:
        sizes.pop()
    return " × ".join(str(size) for size in sizes)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
