"""The course's own small package: what every notebook imports.

`import coursekit` is cheap; each room is imported where it is used. Importing it first also mends
torchvision beside a CPU build of torch (see `torchvision_operators`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coursekit.device import banner, torch_device
from coursekit.torchvision_operators import declare as _declare_torchvision_operators

if TYPE_CHECKING:
    from coursekit.inspection import inspect
    from coursekit.layer_comparison import compare_layers
    from coursekit.nvidia import nvidia_says
    from coursekit.second_opinion import nvrtc_says

__all__ = ["banner", "compare_layers", "inspect", "nvidia_says", "nvrtc_says", "torch_device"]

_ROOMS = {  # each is loaded on first use
    "compare_layers": "layer_comparison",
    "inspect": "inspection",
    "nvidia_says": "nvidia",
    "nvrtc_says": "second_opinion",
}

_declare_torchvision_operators()


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"coursekit.{_ROOMS[name]}"), name)
