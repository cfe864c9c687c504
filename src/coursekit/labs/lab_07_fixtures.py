"""What lab 07's check of the host's side builds beside the learner's code: a compiled kernel to launch.

It knows no reference answer: the check hands over the kernel's text, with a number in it that only the check knows.
"""

from __future__ import annotations

from typing import Any


def compiled(source: str, name: str) -> Any:
    """Return the kernel `name` of the CUDA C text `source`, as `SourceModule(...).get_function(name)` gives it."""
    import pycuda.autoprimaryctx  # noqa: F401  a context, also where the learner's notebook has made none yet
    from pycuda.compiler import SourceModule

    return SourceModule(source).get_function(name)
