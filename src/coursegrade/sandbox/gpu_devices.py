"""What a learner's process needs of an NVIDIA GPU: its device nodes, and the folders that CUDA's library reads.

Only a process that uses CUDA or TensorRT in Python gets them (`grading.judge` decides), because it is never forked
again: CUDA does not survive a fork. The node names are those of NVIDIA's Linux driver (its README, "Device nodes") and
of WSL2. Called by `sandbox.reachable`, whose answer goes to bubblewrap and Landlock.
"""

from __future__ import annotations

import stat
from pathlib import Path

DEVICES = Path("/dev")
NAMES = ("nvidia[0-9]*", "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset", "nvidia-caps/*", "dxg")
READ_BY_CUDA = ("/proc/driver/nvidia", "/proc/devices", "/sys/bus/pci", "/sys/devices", "/sys/module/nvidia")
HIDDEN = {"CUDA_VISIBLE_DEVICES": ""}  # for every other process: torch then computes on the CPU, on each rung


def nodes() -> tuple[str, ...]:
    """Return the device nodes of this machine's NVIDIA GPUs; none without a GPU."""
    found = [path for name in NAMES for path in sorted(DEVICES.glob(name))]
    return tuple(str(path) for path in found if _is_device(path))


def _is_device(path: Path) -> bool:
    try:
        return stat.S_ISCHR(path.lstat().st_mode)  # a link is not followed
    except OSError:
        return False
