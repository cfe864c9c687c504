"""What all of the bindings' objects share: no strange attributes, and a clear word about what is not there.

The real classes are C++ behind pybind11: most have no constructor, none takes an attribute that it does not know, and
a name from an older TensorRT is simply missing. Base of nearly every class of this package.
"""

from __future__ import annotations

from typing import Any

from nogpu.tensorrt import migration


class Native:
    """An object of the bindings. Reading or setting an unknown attribute is an AttributeError that says what to do."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise migration.missing(type(self).__name__, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and not hasattr(type(self), name) and _is_ours(type(self)):
            raise migration.missing(type(self).__name__, name)
        advice = migration.READ_ONLY.get((type(self).__name__, name))
        if advice is not None:
            raise AttributeError(f"{type(self).__name__}.{name} can only be read in TensorRT 11: {advice}.")
        object.__setattr__(self, name, value)


class Made(Native):
    """An object that only other objects make: its class cannot be called."""

    def __init__(self, *_arguments: Any, **_named: Any) -> None:
        raise TypeError(f"tensorrt.{type(self).__name__}: No constructor defined!")

    @classmethod
    def _make(cls, *arguments: Any, **named: Any) -> Any:
        made = cls.__new__(cls)
        made._begin(*arguments, **named)
        return made

    def _begin(self, *arguments: Any, **named: Any) -> None:
        """Do what a constructor does."""


class WithBlock:
    """Makes `with` work, as old scripts use it. It frees nothing: objects go when nobody holds them."""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        pass


def not_implemented(name: str, instead: str = "") -> NotImplementedError:
    """Return the error for something that TensorRT 11.4 has and this stand-in does not."""
    advice = f": {instead}" if instead else ""
    return NotImplementedError(f"tensorrt.{name} is in TensorRT 11.4, and this CPU stand-in does not have it{advice}.")


def _is_ours(kind: type) -> bool:
    return kind.__module__.startswith("nogpu.")  # a learner's subclass may have attributes of its own
