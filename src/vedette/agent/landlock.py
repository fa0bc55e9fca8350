"""Landlock: this process, and all it starts, can no longer write files or reach the network by TCP.

What the kernel is too old for is left out, and said by `abi`. A process under Landlock cannot look
into processes outside of it either: their `exe`, `fd`, `maps` below /proc are closed to it.
"""

import ctypes
import os
import sys

_CREATE, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1

_EXECUTE = 1 << 0
_WRITE_FILE = 1 << 1
_CHANGES = sum(1 << bit for bit in range(4, 13))
"""Removing and making files, folders, links, sockets and devices."""
_REFER, _TRUNCATE, _IOCTL_DEVICE = 1 << 13, 1 << 14, 1 << 15
_TCP = 0b11
_SCOPE_ABSTRACT_SOCKETS, _SCOPE_SIGNALS = 0b01, 0b10

NETWORK_ABI = 4
SCOPE_ABI = 6


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scopes", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def abi() -> int:
    """Return which version of Landlock the kernel speaks, 0 for none."""
    if sys.platform != "linux":
        return 0
    return max(0, int(_libc().syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION)))


def restrict(*, write: bool, network: bool, programs: bool) -> None:
    """Take away what is not said, and signals to processes outside; OSError when refused.

    Needs PR_SET_NO_NEW_PRIVS, and a kernel whose `abi` is not 0.
    """
    version = abi()
    files = 0 if write else _writes(version) | (0 if programs else _EXECUTE)
    scopes = _SCOPE_SIGNALS | (0 if network else _SCOPE_ABSTRACT_SOCKETS)
    rules = _Ruleset(
        files,
        _TCP if version >= NETWORK_ABI and not network else 0,
        scopes if version >= SCOPE_ABI else 0,
    )
    if not (rules.files or rules.network or rules.scopes):
        return
    length = 24 if version >= SCOPE_ABI else 16 if version >= NETWORK_ABI else 8
    made = _call(_CREATE, ctypes.byref(rules), ctypes.c_size_t(length), 0)
    try:
        if rules.files:
            _let_write(made, "/dev/null", rules.files & (_WRITE_FILE | _TRUNCATE | _IOCTL_DEVICE))
        _call(_RESTRICT_SELF, made, 0)
    finally:
        os.close(made)


def _writes(version: int) -> int:
    known = _WRITE_FILE | _CHANGES
    for since, access in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEVICE)):
        known |= access if version >= since else 0
    return known


def _let_write(ruleset: int, path: str, allowed: int) -> None:
    parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = _PathBeneath(allowed, parent)
        _call(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(parent)


def _call(number: int, *arguments: object) -> int:
    libc = _libc()
    returned = int(libc.syscall(number, *arguments))
    if returned < 0:
        raise OSError(ctypes.get_errno(), "Landlock refuses")
    return returned


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
