"""The course's own small package: what every notebook imports.

`import coursekit` is cheap; each room is imported where it is used. Importing it first also mends
torchvision beside a CPU build of torch (see `torchvision_operators`).
"""

from coursekit.device import banner, torch_device
from coursekit.torchvision_operators import declare as _declare_torchvision_operators

_declare_torchvision_operators()

__all__ = ["banner", "torch_device"]
