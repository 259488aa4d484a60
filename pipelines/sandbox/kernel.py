"""The few system calls that Python has no function for. Only the standard library is used: this file is read behind the wall as well."""

from __future__ import annotations

import ctypes
import os

NEWNS, NEWIPC, NEWUSER, NEWPID = 0x00020000, 0x08000000, 0x10000000, 0x20000000
NOSUID, NODEV, NOEXEC, REC, PRIVATE = 2, 4, 8, 0x4000, 1 << 18
_CAPSET = {"x86_64": 126, "aarch64": 91}
_PDEATHSIG, _DUMPABLE, _BOUNDING, _SECUREBITS, _NO_NEW_PRIVS, _AMBIENT = 1, 4, 24, 28, 38, 47
_libc = ctypes.CDLL(None, use_errno=True)


def _checked(name: str, result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    _checked(f"unshare({flags:#x})", _libc.unshare(flags))


def enter(descriptor: int, kind: int) -> None:
    _checked("setns", _libc.setns(descriptor, kind))


def mount(kind: str, target: str, flags: int, options: str = "") -> None:
    data = (kind.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode())
    _checked(f"mount of {kind or 'nothing'} on {target}", _libc.mount(*data))


def die_with_parent() -> None:
    _checked("PR_SET_PDEATHSIG", _libc.prctl(_PDEATHSIG, 9, 0, 0, 0))


def be_dumpable() -> None:
    """Gives /proc/self back to a process that has changed its user: subprocess and others list their descriptors there."""
    _checked("PR_SET_DUMPABLE", _libc.prctl(_DUMPABLE, 1, 0, 0, 0))


def drop_capabilities() -> None:
    """Leaves no capability now, none to gain by executing anything, and no way back. Raises: OSError."""
    _checked("PR_CAP_AMBIENT", _libc.prctl(_AMBIENT, 4, 0, 0, 0))  # CLEAR_ALL
    # NOROOT, NO_SETUID_FIXUP, NO_CAP_AMBIENT_RAISE, each with its lock, and the lock of KEEP_CAPS
    _checked("PR_SET_SECUREBITS", _libc.prctl(_SECUREBITS, 0b11101111, 0, 0, 0))
    number = 0
    while _libc.prctl(_BOUNDING, number, 0, 0, 0) == 0:  # ends at the first number that this kernel does not know
        number += 1
    header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    _checked("capset", _libc.syscall(_CAPSET[os.uname().machine], header, none))
    _checked("PR_SET_NO_NEW_PRIVS", _libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))
