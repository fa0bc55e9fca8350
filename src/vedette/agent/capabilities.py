"""Leaving to a superuser's process only those of its powers that it was given a reason for.

Root without them still is uid 0: it reads what root owns, and everything else by one capability.
"""

import ctypes
from collections.abc import Iterable

CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID = 0, 1, 2, 3, 4
NET_RAW, SYS_PTRACE = 13, 19

_VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Half(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def keep(wanted: Iterable[int]) -> None:
    """Give up every capability but these, as far as they are held at all; OSError when refused."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = _Header(_VERSION_3, 0)
    halves = (_Half * 2)()
    if libc.capget(ctypes.byref(header), halves) != 0:
        raise OSError(ctypes.get_errno(), "capget is refused")
    kept = sum(1 << capability for capability in wanted)
    for half, bits in zip(halves, (kept & 0xFFFFFFFF, kept >> 32), strict=True):
        half.permitted &= bits
        half.effective = half.permitted
        half.inheritable = 0
    if libc.capset(ctypes.byref(header), halves) != 0:
        raise OSError(ctypes.get_errno(), "capset is refused")
