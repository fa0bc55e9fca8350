"""Taking system calls from this process for good: a filter for the kernel, assembled here.

A list of what is denied, not of what is allowed: an interpreter with libraries of all kinds must
run. Calls newer than our table, and those of another architecture's table, do not exist at all.
"""

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterable

from vedette.agent import seccomp_calls as calls

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Column of the tables, and the kernel's name for the architecture."""

_PR_GET_SECCOMP = 21
_PR_SET_SECCOMP = 22
_FILTER = 2

_LOAD, _EQUAL, _GREATER, _ANY_BIT, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000

_CLONE_THREAD = 0x00010000
_CLONE_NAMESPACES = 0x7E020080
_OPEN_FOR_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_NETLINK, _NETLINK_ROUTE = 16, 0
_NETWORK = (2, 10, _NETLINK)
"""AF_INET, AF_INET6, AF_NETLINK: what a network is to a module."""
_DATAGRAM = 0b10
"""The bit by which datagram sockets differ from those of a connection."""
_LOCAL = (1,)
"""AF_UNIX: whoever speaks to services of the host by it is what these services make of him."""

Numbers = tuple[int | None, int | None]


def offered() -> bool:
    """Whether this kernel filters, on an architecture that we know the calls of."""
    if sys.platform != "linux" or os.uname().machine not in _ARCHITECTURES:
        return False
    return bool(ctypes.CDLL(None).prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) >= 0)


def restrict(
    *,
    write: bool,
    read_only_by_us: bool,
    network: bool,
    memory: bool,
    netlink: bool,
    local: bool,
    programs: bool,
    signals: bool,
) -> None:
    """Take away what is not said, from this process and all it starts; OSError when refused.

    netlink: without `network`, the kernel may be asked about networks all the same.
    local: with `network`, sockets of the host's own services, too.
    read_only_by_us: nobody else (Landlock) keeps it from opening files for writing.
    signals: somebody else keeps it from sending signals to other processes.
    """
    filters = Filter(os.uname().machine)
    filters.deny(calls.ALWAYS.values())
    filters.deny(calls.INTO_OTHERS.values())
    if not memory:
        filters.deny(calls.UNLESS_MEMORY.values())
    if not write:
        filters.deny(calls.UNLESS_WRITE.values())
        filters.deny_among(calls.IOCTL, 1, calls.ATTRIBUTES)
    # Of such a pair, either end sends to whatever address it likes.
    filters.deny_by_bits(calls.SOCKETPAIR, 1, _DATAGRAM, 0)
    if not programs:
        filters.deny(calls.UNLESS_PROGRAMS.values())
    if not signals:
        filters.deny(calls.SIGNALS.values())
        filters.deny_unless_among(calls.TGKILL, 0, (os.getpid(),))
    # Flags in memory are seen by no filter; libraries fall back on the older call.
    filters.deny([calls.CLONE3], errno.ENOSYS)
    filters.deny_by_bits(
        calls.CLONE, 0, *((_CLONE_NAMESPACES, 0) if programs else (0, _CLONE_THREAD))
    )
    filters.deny_unless_among(calls.PRLIMIT64, 0, (0,))
    families = _NETWORK + (_LOCAL if local else ()) if network else ()
    filters.allow_sockets(families, routes=netlink)
    if read_only_by_us and not write:
        filters.deny([calls.OPENAT2], errno.ENOSYS)
        filters.deny_by_bits(calls.OPEN, 1, _OPEN_FOR_WRITING, 0)
        filters.deny_by_bits(calls.OPENAT, 2, _OPEN_FOR_WRITING, 0)
    _install(filters.program())


class Filter:
    """A filter in the making; each call may be spoken of once."""

    def __init__(self, machine: str) -> None:
        self._column, architecture = _ARCHITECTURES[machine]
        self._code = [
            (_LOAD, 0, 0, _ARCHITECTURE),
            (_EQUAL, 1, 0, architecture),
            (_RETURN, 0, 0, _FAIL | errno.ENOSYS),
            (_LOAD, 0, 0, _NUMBER),
            (_GREATER, 0, 1, calls.NEWEST),
            (_RETURN, 0, 0, _FAIL | errno.ENOSYS),
        ]

    def deny(self, denied: Iterable[Numbers], fault: int = errno.EPERM) -> None:
        """Let these calls fail whatever their arguments."""
        for numbers in denied:
            self._block(numbers, [(_RETURN, 0, 0, _FAIL | fault)])

    def deny_by_bits(self, call: Numbers, argument: int, forbidden: int, wanted: int) -> None:
        """Let a call fail with any of the forbidden bits, or without any of the wanted ones."""
        bits = forbidden or wanted
        block = [
            (_LOAD, 0, 0, _ARGUMENTS + 8 * argument),
            (_ANY_BIT, 0 if forbidden else 1, 1 if forbidden else 0, bits),
            (_RETURN, 0, 0, _FAIL | errno.EPERM),
            (_RETURN, 0, 0, _ALLOW),
        ]
        self._block(call, block)

    def deny_unless_among(self, call: Numbers, argument: int, allowed: Iterable[int]) -> None:
        """Let a call fail unless its argument is one of these."""
        block = [(_LOAD, 0, 0, _ARGUMENTS + 8 * argument)]
        for value in allowed:
            block += [(_EQUAL, 0, 1, value), (_RETURN, 0, 0, _ALLOW)]
        self._block(call, [*block, (_RETURN, 0, 0, _FAIL | errno.EPERM)])

    def deny_among(self, call: Numbers, argument: int, denied: Iterable[int]) -> None:
        """Let a call fail when its argument is one of these."""
        block = [(_LOAD, 0, 0, _ARGUMENTS + 8 * argument)]
        for value in denied:
            block += [(_EQUAL, 0, 1, value), (_RETURN, 0, 0, _FAIL | errno.EPERM)]
        self._block(call, [*block, (_RETURN, 0, 0, _ALLOW)])

    def allow_sockets(self, families: Iterable[int], *, routes: bool) -> None:
        """Let the call fail unless it makes a socket of these families, or of netlink for `routes`."""
        block = [(_LOAD, 0, 0, _ARGUMENTS)]
        for family in families:
            block += [(_EQUAL, 0, 1, family), (_RETURN, 0, 0, _ALLOW)]
        if routes:
            block += [
                (_EQUAL, 0, 3, _NETLINK),
                (_LOAD, 0, 0, _ARGUMENTS + 16),
                (_EQUAL, 0, 1, _NETLINK_ROUTE),
                (_RETURN, 0, 0, _ALLOW),
            ]
        self._block(calls.SOCKET, [*block, (_RETURN, 0, 0, _FAIL | errno.EPERM)])

    def program(self) -> bytes:
        """Return what the kernel takes: eight bytes an instruction."""
        code = [*self._code, (_RETURN, 0, 0, _ALLOW)]
        return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)

    def _block(self, numbers: Numbers, block: list[tuple[int, int, int, int]]) -> None:
        number = numbers[self._column]
        if number is not None:
            self._code += [(_EQUAL, 0, len(block), number), *block]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _install(code: bytes) -> None:
    kept = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(kept, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the filter of system calls is refused")
