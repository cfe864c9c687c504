"""Let torchvision's ordinary wheel run beside a CPU build of torch.

The package index has no CPU build of torchvision. Its ordinary wheel keeps its C++ operators in a library that
needs CUDA's, so beside a CPU torch the library does not load and `import torchvision` ends with
"operator torchvision::nms does not exist". Models, data sets and transforms need none of those operators; it is
enough that the two names which torchvision registers shape functions for are declared. `nms` also gets a
pure-torch implementation, since torchvision.ops.nms is of use to a learner.

Called once, by `import coursekit`. Does nothing where torchvision's own library loads.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_libraries: list[object] = []  # torch.library.Library unregisters its operators when it is collected


def declare() -> None:
    """Arrange that the missing operators are declared the moment torchvision is first imported."""
    if "torchvision" not in sys.modules and not any(isinstance(f, _BeforeTorchvision) for f in sys.meta_path):
        sys.meta_path.insert(0, _BeforeTorchvision())


class _BeforeTorchvision(importlib.abc.MetaPathFinder):
    """Sees the import of torchvision coming, declares what is missing, and finds nothing itself.

    Waiting for the import keeps `import coursekit` from paying for torch where a notebook does not use it.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "torchvision":
            sys.meta_path.remove(self)
            _declare_missing()
        return None


def _own_library_loads() -> bool:
    """Say whether torchvision's own operators load beside this torch (PyTorch's CPU builds and GPU builds do)."""
    import torch

    spec = importlib.util.find_spec("torchvision")  # finds without importing
    for folder in spec.submodule_search_locations or () if spec else ():
        for library in Path(folder).glob("_C.*"):
            try:
                torch.ops.load_library(library)
            except OSError:
                return False
            return True
    return False


def _declare_missing() -> None:
    import torch

    if _own_library_loads():
        return
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms" + _SCHEMA)
    library.define("qnms" + _SCHEMA)
    library.impl("nms", non_maximum_suppression, "CPU")
    _libraries.append(library)


def non_maximum_suppression(dets: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Keep the best-scoring boxes that overlap no better one by more than `iou_threshold`.

    dets: (n, 4) float boxes x1, y1, x2, y2; scores: (n,) float. Returns (k,) int64 indices, best first.
    Same contract as torchvision's own. Reach it as `torch.ops.torchvision.nms`.
    """
    import torch

    order = scores.argsort(descending=True, stable=True)
    area = (dets[:, 2] - dets[:, 0]) * (dets[:, 3] - dets[:, 1])
    kept: list[int] = []
    while order.numel():
        best, others = order[0], order[1:]
        kept.append(int(best))
        top_left = torch.maximum(dets[best, :2], dets[others, :2])
        bottom_right = torch.minimum(dets[best, 2:], dets[others, 2:])
        overlap = (bottom_right - top_left).clamp(min=0).prod(dim=1)
        iou = overlap / (area[best] + area[others] - overlap)
        order = others[~(iou > iou_threshold)]
    return torch.tensor(kept, dtype=torch.int64)
