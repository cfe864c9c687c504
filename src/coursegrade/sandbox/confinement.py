"""The walls of a learner's process, which it puts up around itself before it runs a line of the learner's.

In this order: limits, a spare user if we are root, no new privileges, Landlock, the system call filter. None can be
taken down again. Called by `sandbox.nursery` in the forked child; `sandbox.sandbox` decides what is in it.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import struct
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from coursegrade.sandbox import gpu_devices, landlock, seccomp
from coursegrade.sandbox.processes import threads_of
from coursegrade.sandbox.reachable import DEVICES, Reachable

READ_SEARCH = 2  # CAP_DAC_READ_SEARCH, include/uapi/linux/capability.h
KEEP_CAPABILITIES, AMBIENT, AMBIENT_RAISE, DUMPABLE = 8, 47, 2, 4  # prctl's options
CAPABILITY_VERSION = 0x20080522


class CannotConfine(Exception):
    """The kernel refused a wall; the message says which."""


@dataclass(frozen=True)
class Caps:
    """What a learner's processes may hold together, in bytes, and how many they may be."""

    memory: int = 3 << 30
    disk: int = 512 << 20
    file: int = 256 << 20
    files: int = 20_000
    processes: int = 64
    open_files: int = 256
    processor_seconds: int = 1200


@dataclass(frozen=True)
class Walls:
    """Everything that the nursery has to know about the walls; crosses to it as JSON."""

    landlock: bool
    filter: bool
    user: int | None  # the spare user to become, if we are root
    reads_all_folders: bool  # root's Python may lie in a folder closed to others; Landlock still says which files
    caps: Caps
    reachable: Reachable
    gpu: bool = False  # this process may use the machine's NVIDIA GPUs
    landlock_version: int = 0  # treat the kernel's Landlock as this old; 0: as it is (for tests)

    def text(self) -> str:
        """Return these walls as JSON."""
        return json.dumps(asdict(self))

    @staticmethod
    def of(text: str) -> Walls:
        """Return the walls that `text` describes."""
        facts: dict[str, Any] = json.loads(text)
        caps, paths = Caps(**facts.pop("caps")), facts.pop("reachable")
        return Walls(**facts, caps=caps, reachable=Reachable(**paths))


def confine(walls: Walls, private: Path) -> None:
    """Put the walls up around this process, whose only writable folder is `private`; CannotConfine if one fails."""
    _limit(walls)
    version = walls.landlock_version or landlock.abi()
    if walls.landlock and version == 0:
        raise CannotConfine("this kernel has no Landlock")
    if walls.filter and not seccomp.supported():
        raise CannotConfine("there is no system call filter for this kind of processor")
    try:
        rules = _rules(walls, private, version) if walls.landlock else None
        if walls.filter or rules:
            seccomp.set_process(seccomp.PR_SET_NO_NEW_PRIVS, 1)
        if walls.user is not None:
            _become(walls.user, walls.reads_all_folders)
        if rules is not None:
            rules.restrict()
        if walls.filter:
            held_back = walls.landlock and landlock.scopes_signals(version)
            seccomp.install(None if held_back else os.getpid(), walls.gpu)
    except OSError as error:
        raise CannotConfine(str(error)) from None


def _limit(walls: Walls) -> None:
    caps = walls.caps
    others = threads_of(os.getuid()) if walls.user is None and os.getuid() != 0 else 0
    limits = {
        "CORE": 0,
        "CPU": caps.processor_seconds,
        "FSIZE": caps.file,
        "NOFILE": caps.open_files,
        "NPROC": others + caps.processes,
        "DATA": 2 * caps.memory,  # a backstop that gives a MemoryError; what is really held is watched
        "MSGQUEUE": 0,
        "MEMLOCK": 64 << 10,
    }
    for name, value in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is not None:
            hard = resource.getrlimit(kind)[1]
            most = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (most, most))


def _rules(walls: Walls, private: Path, version: int) -> landlock.Rules:
    rules = landlock.Rules(version)
    rules.allow(walls.reachable.read, landlock.READ)
    rules.allow(walls.reachable.listed, landlock.READ_DIR)
    rules.allow(DEVICES, landlock.DEVICE)
    if walls.gpu:
        rules.allow(walls.reachable.gpu, landlock.DEVICE)
        rules.allow(gpu_devices.READ_BY_CUDA, landlock.READ)
    rules.allow([private], landlock.WRITE)
    return rules


def _become(user: int, reads_all_folders: bool) -> None:
    """Turn from root into `user` with no capability, or with the one to pass through folders closed to others."""
    if reads_all_folders:
        seccomp.set_process(KEEP_CAPABILITIES, 1)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    if reads_all_folders:
        bits = 1 << READ_SEARCH
        header = ctypes.create_string_buffer(struct.pack("=Ii", CAPABILITY_VERSION, 0))
        data = ctypes.create_string_buffer(struct.pack("=IIIIII", bits, bits, bits, 0, 0, 0))
        if ctypes.CDLL(None, use_errno=True).capset(header, data) != 0:
            raise OSError(ctypes.get_errno(), "capset failed")
        seccomp.set_process(AMBIENT, AMBIENT_RAISE, READ_SEARCH)  # for the programs that it starts
    seccomp.set_process(DUMPABLE, 1)  # changing the user hid it from whoever watches its memory and disk
