"""Progress of a build: your `IProgressMonitor` hears of each phase, and may stop the build."""

from __future__ import annotations

from typing import Any

from nogpu.tensorrt.native import Native


class IProgressMonitor(Native):
    """Base of your own progress monitor: define all three methods."""

    def __init__(self) -> None:
        pass

    def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
        """Hear that a phase of `num_steps` steps begins; `parent_phase` is None for the outermost."""
        raise RuntimeError('Tried to call pure virtual function "IProgressMonitor::phase_start"')

    def step_complete(self, phase_name: str, step: int) -> bool:
        """Hear that step number `step` (from 0) is done. Return False to stop the build."""
        raise RuntimeError('Tried to call pure virtual function "IProgressMonitor::step_complete"')

    def phase_finish(self, phase_name: str) -> None:
        """Hear that a phase is over."""
        raise RuntimeError('Tried to call pure virtual function "IProgressMonitor::phase_finish"')


class Cancelled(Exception):
    """The monitor asked to stop."""


class Phase:
    """One phase of a build, for `with`. Without a monitor it costs nothing."""

    def __init__(self, monitor: Any, name: str, parent: str | None, steps: int) -> None:
        self._monitor, self._name, self._parent, self._steps = monitor, name, parent, steps
        self._done = 0

    def __enter__(self) -> Phase:
        if self._monitor is not None:
            self._monitor.phase_start(self._name, self._parent, self._steps)
        return self

    def step(self) -> None:
        """Report one step more. Raises Cancelled when the monitor asks for it."""
        if self._monitor is not None and self._done < self._steps:
            self._done += 1
            if not self._monitor.step_complete(self._name, self._done - 1):
                raise Cancelled

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if self._monitor is not None:
            self._monitor.phase_finish(self._name)
