"""A system call filter for a learner's process: what Landlock does not cover, or no learner's code needs.

A list of what is refused rather than of what is allowed: Python, torch, compilers and CUDA use most of the kernel, and
the list of what they may need changes with every release. Refused is whatever reaches out of the process (other
processes, sockets, other files' metadata) or widens the kernel's surface (namespaces, io_uring, BPF, keys). Calls newer
than this list answer "not there", as on an older kernel.

The filter is classic BPF (Documentation/userspace-api/seccomp_filter.rst), assembled here, because the libseccomp
library is not on every machine. Called by `sandbox.confinement` only.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from dataclasses import dataclass

from coursegrade.sandbox.system_calls import NEWEST, NUMBERS

AUDIT_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
KILL_PROCESS, ALLOW, ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
REFUSE, NOT_THERE, PRETEND = ERRNO | errno.EPERM, ERRNO | errno.ENOSYS, ERRNO | 0  # PRETEND: does nothing, says 0
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


REFUSED = _names("""
    ptrace process_vm_readv process_vm_writev process_madvise process_mrelease kcmp pidfd_getfd pidfd_open
    pidfd_send_signal perf_event_open bpf userfaultfd keyctl add_key request_key
    mount umount2 pivot_root chroot unshare setns fsopen fsconfig fsmount fspick open_tree move_mount mount_setattr
    swapon swapoff reboot init_module finit_module delete_module kexec_load kexec_file_load acct quotactl quotactl_fd
    syslog settimeofday clock_settime adjtimex clock_adjtime sethostname setdomainname iopl ioperm vhangup nfsservctl
    open_by_handle_at name_to_handle_at fanotify_init fanotify_mark lookup_dcookie mknod mknodat
    shmget shmat shmctl shmdt semget semop semctl semtimedop msgget msgsnd msgrcv msgctl
    mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr memfd_create memfd_secret
    socket connect bind listen accept accept4
    chown lchown fchown fchownat setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr
    setpriority sched_setscheduler sched_setparam sched_setattr ioprio_set move_pages migrate_pages
    modify_ldt uselib vmsplice
""")
ABSENT = _names("io_uring_setup io_uring_enter io_uring_register clone3")  # callers have another way
# Landlock does not guard a file's mode and times; compilers and archivers set them and do not need them.
PRETENDED = _names("chmod fchmod fchmodat utime utimes futimesat utimensat")
SIGNALS = _names("kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo")

NEW_NAMESPACES = 0x7E020000  # every CLONE_NEW* flag of clone
SIGNAL_OWNER = (8, 10, 15)  # fcntl's F_SETOWN, F_SETSIG, F_SETOWN_EX: they let the kernel signal others for us
TERMINAL_AND_OWNER = (0x5412, 0x541C, 0x8901, 0x8902)  # ioctl's TIOCSTI, TIOCLINUX, FIOSETOWN, SIOCSPGRP
SOCKET_TYPE, STREAM = 0xF, 1  # a datagram pair could still send to others' sockets
# Memory that is shared and of no file is in no process's size once it is unmapped in part: nobody could watch it.
MAPPING, SHARED_AND_ANONYMOUS = 0x2F, 0x21  # mmap's MAP_TYPE and MAP_ANONYMOUS; MAP_SHARED and MAP_ANONYMOUS


@dataclass(frozen=True)
class Instruction:
    """`struct sock_filter`."""

    code: int
    value: int
    if_true: int = 0
    if_false: int = 0

    def packed(self) -> bytes:
        """Return the eight bytes that the kernel reads."""
        return struct.pack("=HBBI", self.code, self.if_true, self.if_false, self.value)


def load(offset: int) -> Instruction:
    """Load 32 bits of `struct seccomp_data`: number at 0, architecture at 4, arguments from 16, eight bytes each."""
    return Instruction(0x20, offset)


def give(action: int) -> Instruction:
    """End with this action."""
    return Instruction(0x06, action)


def equal(value: int, if_true: int, if_false: int) -> Instruction:
    """Skip so many instructions if the loaded value is, or is not, `value`."""
    return Instruction(0x15, value, if_true, if_false)


def program(machine: str, own_process: int | None, gpu: bool = False) -> list[Instruction]:
    """Return the filter for a machine ("x86_64", "aarch64").

    With `own_process`, signals go to that process only: for kernels whose Landlock does not hold them back. With `gpu`,
    memory may be shared without a file, for NVIDIA's driver may need to.
    """
    numbers = NUMBERS[machine]
    lines = [load(4), equal(AUDIT_ARCHITECTURE[machine], 1, 0), give(KILL_PROCESS), load(0)]
    lines += [Instruction(0x25, NEWEST, 0, 1), give(NOT_THERE)]  # greater than: also x86's second call table
    for names, action in ((REFUSED, REFUSE), (ABSENT, NOT_THERE), (PRETENDED, PRETEND)):
        for name in names:
            if name in numbers:
                lines += [equal(numbers[name], 0, 1), give(action)]
    lines += _argument(numbers["clone"], 0, [Instruction(0x45, NEW_NAMESPACES, 0, 1), give(REFUSE)])
    for name, argument, values in (("fcntl", 1, SIGNAL_OWNER), ("ioctl", 1, TERMINAL_AND_OWNER)):
        lines += _argument(numbers[name], argument, [line for v in values for line in (equal(v, 0, 1), give(REFUSE))])
    lines += _argument(numbers["socketpair"], 1, [Instruction(0x54, SOCKET_TYPE), equal(STREAM, 1, 0), give(REFUSE)])
    if not gpu:
        shared = [Instruction(0x54, MAPPING), equal(SHARED_AND_ANONYMOUS, 0, 1), give(REFUSE)]
        lines += _argument(numbers["mmap"], 3, shared)
    for name in ("prlimit64", "sched_setaffinity"):  # of itself only; 0 means itself
        lines += _argument(numbers[name], 0, [equal(0, 1, 0), give(REFUSE)])
    # Only Landlock ABI 3 and later guards this call; opening a file to truncate it is guarded by all.
    lines += [equal(numbers["truncate"], 0, 1), give(REFUSE)]
    if own_process is not None:
        for name in SIGNALS:
            lines += _argument(numbers[name], 0, [equal(own_process, 1, 0), give(REFUSE)])
    return [*lines, give(ALLOW)]


def _argument(number: int, argument: int, tests: list[Instruction]) -> list[Instruction]:
    """Test an argument (its low 32 bits, all that these calls read) of one call; loads the number again after."""
    inner = [load(16 + 8 * argument), *tests, load(0)]
    return [equal(number, 0, len(inner)), *inner]


def supported() -> bool:
    """Say whether there is a table for this machine."""
    return platform.machine() in NUMBERS


def install(own_process: int | None, gpu: bool) -> None:
    """Filter this process's calls, and its children's, for ever; OSError if the kernel refuses."""
    lines = program(platform.machine(), own_process, gpu)
    code = ctypes.create_string_buffer(b"".join(line.packed() for line in lines))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(lines), ctypes.addressof(code)))
    set_process(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(header))


def set_process(option: int, *values: int) -> None:
    """Call prctl; OSError if the kernel refuses."""
    library = ctypes.CDLL(None, use_errno=True)
    given = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)][:4]
    if library.prctl(option, *given) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl({option}) failed: {os.strerror(code)}")
