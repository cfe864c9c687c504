"""Where messages go: `Logger` prints them, a subclass of `ILogger` does with them what it likes."""

from __future__ import annotations

import sys
import time
from typing import Any

from nogpu.tensorrt import enumerations
from nogpu.tensorrt.enumerations import Severity
from nogpu.tensorrt.native import Native

_LETTERS = {
    Severity.INTERNAL_ERROR: "F",
    Severity.ERROR: "E",
    Severity.WARNING: "W",
    Severity.INFO: "I",
    Severity.VERBOSE: "V",
}


class ILogger(Native):
    """Base of your own loggers: call `trt.ILogger.__init__(self)` in the constructor and define `log`."""

    Severity = Severity
    INTERNAL_ERROR = Severity.INTERNAL_ERROR
    ERROR = Severity.ERROR
    WARNING = Severity.WARNING
    INFO = Severity.INFO
    VERBOSE = Severity.VERBOSE

    def __init__(self) -> None:
        self._ready = True

    def log(self, severity: enumerations.Severity, msg: str) -> None:
        """Take a message."""
        raise RuntimeError('Tried to call pure virtual function "ILogger::log"')

    def __enter__(self) -> Any:
        return self

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        pass


class Logger(ILogger):
    """Prints messages of at least `min_severity` to standard error, as `[date-time] [TRT] [letter] message`."""

    def __init__(self, min_severity: Severity = Severity.WARNING) -> None:
        if not isinstance(min_severity, Severity):
            raise TypeError(f"min_severity is a trt.Logger.Severity such as trt.Logger.WARNING, not {min_severity!r}")
        super().__init__()
        self._min_severity = min_severity

    @property
    def min_severity(self) -> Severity:
        """The least severity that is printed."""
        return self._min_severity

    @min_severity.setter
    def min_severity(self, value: Severity) -> None:
        self._min_severity = value

    def log(self, severity: Severity, msg: str) -> None:
        """Print the message if it is severe enough."""
        if severity <= self._min_severity:
            now = time.strftime("%m/%d/%Y-%H:%M:%S")
            print(f"[{now}] [TRT] [{_LETTERS[severity]}] {msg}", file=sys.stderr, flush=True)


def require_logger(given: Any, who: str) -> ILogger:
    """Return `given`, a logger whose constructor ran. Raises TypeError, as the bindings, for anything else."""
    if not isinstance(given, ILogger):
        raise TypeError(
            f"{who}(): incompatible constructor arguments: a trt.Logger (or your own subclass of trt.ILogger) is "
            f"expected, {given!r} was given"
        )
    if "_ready" not in given.__dict__:
        raise TypeError(f"{type(given).__name__}: call trt.ILogger.__init__(self) in the constructor of your logger")
    return given
