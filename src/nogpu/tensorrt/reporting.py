"""How a failure reaches the user: NVIDIA's sentence to the logger and to the error recorder, never an exception.

Each object that can fail owns a `Reporter`; objects made by it inherit it, error recorder included, as in TensorRT.
"""

from __future__ import annotations

from typing import Any

from nogpu.tensorrt.enumerations import ErrorCodeTRT, Severity
from nogpu.tensorrt.logger import ILogger
from nogpu.tensorrt.native import Native

_TITLES = {1: "Serialization", 2: "Internal Error", 3: "API Usage Error", 4: "API Usage Error", 6: "API Usage Error",
           7: "Execution Error", 9: "API Usage Error", 10: "Internal Error"}  # fmt: skip


class IErrorRecorder(Native):
    """Base of your own error recorder: define all of its methods, then set `builder.error_recorder = recorder`."""

    MAX_DESC_LENGTH = 127

    def __init__(self) -> None:
        pass

    def num_errors(self) -> int:
        """Return how many errors there are."""
        raise _pure("num_errors")

    def get_error_code(self, arg0: int) -> ErrorCodeTRT:
        """Return the code of an error."""
        raise _pure("get_error_code")

    def get_error_desc(self, arg0: int) -> str:
        """Return the words of an error."""
        raise _pure("get_error_desc")

    def has_overflowed(self) -> bool:
        """Say whether errors were lost."""
        raise _pure("has_overflowed")

    def clear(self) -> None:
        """Forget all errors."""
        raise _pure("clear")

    def report_error(self, arg0: ErrorCodeTRT, arg1: str) -> bool:
        """Take an error; return whether it is fatal."""
        raise _pure("report_error")


class Failure(Exception):
    """Something that a build, or the inference of a shape, cannot get over: becomes an error message at the border."""

    def __init__(self, where: str, code: int, text: str, title: str = "") -> None:
        super().__init__(text)
        self.where, self.code, self.text, self.title = where, code, text, title

    def report_to(self, reporter: Reporter) -> None:
        """Say it to the user."""
        reporter.error(self.where, self.code, self.text, self.title)


class Reporter:
    """The logger and the error recorder that an object speaks to."""

    def __init__(self, logger: ILogger, recorder: Any = None) -> None:
        self.logger = logger
        self.recorder = recorder

    def inherit(self) -> Reporter:
        """Return a reporter for an object made by this one's: it may get a recorder of its own."""
        return Reporter(self.logger, self.recorder)

    def error(self, where: str, code: int, text: str, title: str = "") -> None:
        """Report `text` as NVIDIA does: "where: Error Code 4: API Usage Error (text)"."""
        message = f"{where}: Error Code {code}: {title or _TITLES[code]} ({text})"
        self.logger.log(Severity.ERROR, message)
        if self.recorder is not None:
            self.recorder.report_error(ErrorCodeTRT(code), message)

    def say(self, severity: Severity, text: str) -> None:
        """Log a message that is no error."""
        self.logger.log(severity, text)

    def warn(self, text: str) -> None:
        """Log a warning."""
        self.logger.log(Severity.WARNING, text)


class Reporting(Native):
    """An object with a reporter: `error_recorder` can be read and set."""

    _reporter: Reporter

    @property
    def error_recorder(self) -> Any:
        """The object's error recorder, an `IErrorRecorder` of yours; None when there is none."""
        return self._reporter.recorder

    @error_recorder.setter
    def error_recorder(self, recorder: Any) -> None:
        if recorder is not None and not isinstance(recorder, IErrorRecorder):
            raise TypeError(f"error_recorder is a subclass of trt.IErrorRecorder or None, not {recorder!r}")
        self._reporter.recorder = recorder


def _pure(name: str) -> RuntimeError:
    return RuntimeError(f'Tried to call pure virtual function "IErrorRecorder::{name}"')
