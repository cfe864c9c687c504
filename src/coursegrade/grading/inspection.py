"""The judge's side of inspecting a kernel: what `Student.inspect` does for a learner whose code is in a sandbox.

The kernel is compiled and run in a fresh sandboxed process (`sandbox.inspector`) that has none of the learner's
Python. Its report is plain text to the judge, which builds a Report from it and believes no size or type in it.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from coursegrade.sandbox.channel import ChannelError, decode, encode
from coursegrade.sandbox.sandbox import Sandbox, SandboxError
from coursekit.student import Raised

KERNEL_SECONDS = 10.0  # a kernel that runs longer is ended by nogpu itself, which can still say where it was


class Inspector:
    """A process that inspects kernels, started when the first one comes and gone with `close`."""

    def __init__(self, sandbox: Sandbox, seconds_to_start: float) -> None:
        self.channel = sandbox.start_inspector()
        if self.channel.receive(seconds_to_start).get("ready") is not True:
            self.close()
            raise SandboxError("the sandbox did not hold for the process that inspects kernels")

    def inspect(self, source: str, kernel: str, given: tuple[Any, ...], launch: dict[str, Any], limit: float) -> Any:
        """Return the Report of `nogpu.inspect`, the arrays and tensors among `given` changed in place.

        Raised if nogpu.inspect raises (its kind is CompileFailure where the source does not compile); ChannelError if
        the process ends, takes longer than `limit` seconds or answers nonsense.
        """
        # a tensor's array shares its memory
        given = tuple(value.detach().numpy() if hasattr(value, "detach") else value for value in given)
        crossing = [np.asarray(value) if isinstance(value, np.generic) else value for value in given]
        launch = {"seconds": KERNEL_SECONDS, **launch}
        self.channel.send({"inspect": encode([source, kernel, crossing, launch])}, limit)
        reply = self.channel.receive(limit)
        self.channel.expect_silence()
        if "raised" in reply:
            parts = reply["raised"] if isinstance(reply["raised"], list) else []
            kind, text, _ = ([str(part) for part in parts] + ["", "", ""])[:3]
            raise Raised(kind[:80], text)
        try:
            text, arrays = decode(reply["value"])
            report = _report(text)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise ChannelError(f"not a report: {error}") from None
        _take(arrays, [value for value in given if isinstance(value, np.ndarray)])
        return report

    def close(self) -> None:
        """Close the channel; the sandbox ends the process when it prunes."""
        self.channel.close()


def _report(text: str) -> Any:
    from nogpu import Report

    report = Report.from_plain(json.loads(text))
    for finding in report.findings:
        words = (finding.tool, finding.kind, finding.severity, finding.text, finding.message, finding.hint)
        if not all(type(word) is str for word in words):
            raise ValueError("a finding whose words are none")
    for counters in (report.profile.total, *report.profile.lines.values()):
        if not all(type(value) is int for value in vars(counters).values()):
            raise ValueError("a counter that is no number")
    return report


def _take(arrays: Any, given: list[np.ndarray]) -> None:
    fits = isinstance(arrays, list) and len(arrays) == len(given)
    if not fits or any(
        not isinstance(new, np.ndarray) or new.shape != old.shape or new.dtype != old.dtype
        for new, old in zip(arrays, given, strict=True)
    ):
        raise ChannelError("the arrays that came back are not those that were sent")
    for new, old in zip(arrays, given, strict=True):
        if old.flags.writeable:
            old[...] = new
