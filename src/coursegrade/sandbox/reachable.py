"""Which files a learner's process may read: Python, the compilers, the course's packages and data. Nothing else.

Left out on purpose: the labs' reference modules, solutions/, labs/, other submissions, everybody's home. Called by
`sandbox.sandbox` before anything of a learner's runs; both bubblewrap and Landlock are given its answer.
"""

from __future__ import annotations

import site
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import coursegrade
import coursekit
from coursegrade.sandbox import gpu_devices
from coursekit.paths import data_dir, root

SYSTEM = (
    "/usr", "/bin", "/sbin", "/lib", "/lib64",
    "/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts", "/etc/localtime", "/etc/ssl/openssl.cnf",
    "/sys/devices/system/cpu", "/proc/cpuinfo", "/proc/meminfo",
)  # fmt: skip
# Not /dev/zero: mapped as shared, it is memory that counts for no process (see `seccomp`).
DEVICES = ("/dev/null", "/dev/full", "/dev/random", "/dev/urandom")


@dataclass(frozen=True)
class Reachable:
    """`read`: files and folders with all beneath them; `listed`: folders whose names may be listed, no more.

    `data` is the course's data folder, `trained` the trained net where there is one; both are among `read`. `gpu`
    holds the device nodes of NVIDIA GPUs, for the processes that use one.
    """

    read: tuple[str, ...]
    listed: tuple[str, ...]
    data: str
    trained: str
    gpu: tuple[str, ...] = ()


def reachable(also: Path) -> Reachable:
    """Return what a learner's process may read on this machine, in this course, and the folder `also`."""
    hidden = [*references(), *(root() / name for name in ("solutions", "labs", "tests", "build"))]
    wanted = [Path(name) for name in SYSTEM if Path(name).exists()]
    wanted += [Path(prefix) for prefix in dict.fromkeys((sys.base_prefix, sys.prefix, sys.base_exec_prefix))]
    wanted += [Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    if site.ENABLE_USER_SITE:
        wanted.append(Path(site.getusersitepackages()))
    source = Path(coursekit.__file__).resolve().parent.parent
    wanted += [source / name for name in ("coursekit", "coursegrade", "nogpu")]
    trained = root() / "build" / "digitnet.pt"  # saves each learner's process its training
    wanted += [data_dir(), also]
    read: list[Path] = []
    listed: list[Path] = []
    for path in wanted:
        if path.exists():
            _without(path, [place.resolve() for place in hidden], read, listed)
    has_net = trained.is_file() and not trained.is_symlink()
    if has_net:
        read.append(trained)
    both = [tuple(str(path) for path in dict.fromkeys(each)) for each in (read, listed)]
    return Reachable(both[0], both[1], str(data_dir()), str(trained) if has_net else "", gpu_devices.nodes())


def references() -> list[Path]:
    """Return the files that hold the labs' reference answers, sources and compiled ones."""
    folder = Path(coursekit.__file__).resolve().parent / "labs"
    found = [*folder.glob("*"), *folder.glob("__pycache__/*")]
    return [path for path in found if path.is_file() and not _may_be_known(path.name)]


def _may_be_known(name: str) -> bool:
    stem = name.partition(".")[0]
    return stem == "__init__" or stem.endswith("_fixtures")


def _without(path: Path, hidden: list[Path], read: list[Path], listed: list[Path]) -> None:
    """Add `path` to `read`, or, if something hidden lies beneath it, its other children one by one."""
    real = path.resolve()
    if any(real == place or place in real.parents for place in hidden):
        return
    if not any(real in place.parents for place in hidden):
        read.append(path)
        return
    listed.append(path)
    for child in sorted(path.iterdir()):
        _without(child, hidden, read, listed)


def code_paths() -> list[str]:
    """Return the folders to import the course's own packages from, first of all."""
    return list(
        dict.fromkeys(str(Path(package.__file__ or "").resolve().parent.parent) for package in (coursegrade, coursekit))
    )
