"""The command line that starts a program inside bubblewrap: namespaces of its own, and only a few folders in sight.

bubblewrap is the Debian package of that name. Called by `sandbox.sandbox`. Ubuntu 23.10 and later, and most
containers, refuse it its namespaces; then the ladder goes one rung down.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from coursegrade.sandbox import gpu_devices
from coursegrade.sandbox.reachable import Reachable

# What the nursery needs as root: to give each worker its user and folder, to watch it, to end it and to clean up.
ROOT_KEEPS = ("SETUID", "SETGID", "SETPCAP", "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "KILL", "SYS_PTRACE")


def installed() -> bool:
    """Say whether there is a bubblewrap to try."""
    return shutil.which("bwrap") is not None


def command(reachable: Reachable, scratch: Path, program: list[str]) -> list[str]:
    """Return the command that runs `program` with `reachable` to read and `scratch` to write."""
    line = ["bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    line += ["--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    if os.getuid() == 0:
        for name in ROOT_KEEPS:
            line += ["--cap-add", f"CAP_{name}"]
    else:
        line += ["--unshare-user"]
    for path in map(Path, reachable.read):
        if path.is_symlink() and path.parent == Path("/"):  # /lib -> usr/lib
            line += ["--symlink", str(path.readlink()), str(path)]
        elif not path.is_relative_to("/proc") and not path.is_relative_to(scratch):
            line += ["--ro-bind", str(path), str(path)]
    line += ["--proc", "/proc", "--dev", "/dev"]
    if reachable.gpu:  # for all in this namespace to see; Landlock, inside it, says which process may open them
        for node in reachable.gpu:
            line += ["--dev-bind-try", node, node]
        for folder in gpu_devices.READ_BY_CUDA:
            line += [] if folder.startswith("/proc") else ["--ro-bind-try", folder, folder]
    line += ["--dev-bind", "/dev/null", "/dev/zero"]  # for kernels without Landlock; why: `reachable.DEVICES`
    line += ["--remount-ro", "/dev", "--bind", str(scratch), str(scratch)]
    for path in map(Path, reachable.read):
        if path.is_relative_to(scratch):  # the folder that holds it can be written; it cannot
            line += ["--ro-bind", str(path), str(path)]
    return [*line, "--remount-ro", "/", "--chdir", str(scratch), "--", *program]
