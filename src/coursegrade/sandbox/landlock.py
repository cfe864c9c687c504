"""Landlock: a Linux process gives up files, the network and other processes for good, without being root.

Kernel interface: Documentation/userspace-api/landlock.rst in the Linux sources (5.13 and later). Called by
`sandbox.confinement` only; pure ctypes, because the C library has no wrappers.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # system call numbers, the same on every architecture
RULE_PATH_BENEATH = 1
CREATE_RULESET_VERSION = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE = 1 << 4, 1 << 5
MAKE_DIR, MAKE_REG, MAKE_SYM = 1 << 7, 1 << 8, 1 << 12
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
READ = EXECUTE | READ_FILE | READ_DIR
WRITE = READ_FILE | READ_DIR | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SYM | REFER | TRUNCATE
DEVICE = READ_FILE | WRITE_FILE | IOCTL_DEV
FOR_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV  # all that the rule of a single file may name

BIND_AND_CONNECT_TCP = 0b11
ABSTRACT_SOCKETS_AND_SIGNALS = 0b11  # neither leaves the group of confined processes


class Ruleset(ctypes.Structure):
    """`struct landlock_ruleset_attr`: everything named here is forbidden unless a rule allows it."""

    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class PathRule(ctypes.Structure):
    """`struct landlock_path_beneath_attr`."""

    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def abi() -> int:
    """Return the version of Landlock that the kernel offers, 0 if none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(_system_call(CREATE_RULESET, None, 0, CREATE_RULESET_VERSION), 0)


def handled_files(version: int) -> int:
    """Return the file rights that a kernel of this Landlock version knows, as bits."""
    bits = 13 + (version >= 2) + (version >= 3) + (version >= 5)
    return (1 << bits) - 1


def scopes_signals(version: int) -> bool:
    """Say whether confined processes can signal only each other."""
    return version >= 6


class Rules:
    """A set of rules being written: allow paths, then `restrict()` this process and all its children for ever."""

    def __init__(self, version: int) -> None:
        self.known = handled_files(version)
        network = BIND_AND_CONNECT_TCP if version >= 4 else 0
        scoped = ABSTRACT_SOCKETS_AND_SIGNALS if version >= 6 else 0
        size = 24 if version >= 6 else 16 if version >= 4 else 8  # a kernel refuses a longer structure than it knows
        attributes = Ruleset(self.known, network, scoped)
        self.descriptor = _checked(CREATE_RULESET, ctypes.byref(attributes), size, 0)

    def allow(self, paths: Iterable[Path | str], rights: int) -> None:
        """Allow these rights on each path and all beneath it; a path that does not exist is passed over."""
        for path in paths:
            try:
                opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                fits = self.known if stat.S_ISDIR(os.fstat(opened).st_mode) else self.known & FOR_FILES
                if rights & fits:
                    rule = PathRule(rights & fits, opened)
                    _checked(ADD_RULE, self.descriptor, RULE_PATH_BENEATH, ctypes.byref(rule), 0)
            finally:
                os.close(opened)

    def restrict(self) -> None:
        """Put the rules into force; needs `no_new_privs`. OSError if the kernel refuses."""
        _checked(RESTRICT_SELF, self.descriptor, 0)
        os.close(self.descriptor)


def _system_call(number: int, *arguments: object) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    given = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    return int(library.syscall(ctypes.c_long(number), *given))


def _checked(number: int, *arguments: object) -> int:
    answer = _system_call(number, *arguments)
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock's system call {number} failed: {os.strerror(code)}")
    return answer
