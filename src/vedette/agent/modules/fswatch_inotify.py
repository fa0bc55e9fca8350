"""The kernel's inotify through the C library: what happens in folders, as it happens."""

import ctypes
import os
import struct
import sys
from collections.abc import Iterator
from typing import NamedTuple

from vedette.errors import Unavailable

CLOSE_WRITE, ATTRIB = 0x8, 0x4
MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x40, 0x80, 0x100, 0x200
DELETE_SELF, MOVE_SELF = 0x400, 0x800
OVERFLOW, IGNORED, ISDIR = 0x4000, 0x8000, 0x40000000
_ONLYDIR, _EXCL_UNLINK = 0x1000000, 0x4000000
_WANTED = CLOSE_WRITE | ATTRIB | MOVED_FROM | MOVED_TO | CREATE | DELETE | DELETE_SELF | MOVE_SELF
_HEAD = struct.Struct("iIII")
_READ_BYTES = 65_536


class Happened(NamedTuple):
    """One thing that happened. watch: -1 when events were lost. name: in that folder, or b""."""

    watch: int
    mask: int
    name: bytes


class Inotify:
    """Watches folders. Raises `Unavailable` where there is no inotify, OSError without room for more."""

    def __init__(self) -> None:
        if not sys.platform.startswith("linux"):
            raise Unavailable("only Linux has inotify, by which files are watched")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor = self._done(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))

    def add(self, folder: bytes) -> int:
        """Begin to watch a folder and return the number of its watch."""
        return self._done(
            self._libc.inotify_add_watch(self.descriptor, folder, _WANTED | _ONLYDIR | _EXCL_UNLINK)
        )

    def read(self) -> Iterator[Happened]:
        """Yield what has happened by now."""
        while True:
            try:
                block = os.read(self.descriptor, _READ_BYTES)
            except BlockingIOError:
                return
            at = 0
            while at < len(block):
                watch, mask, _, length = _HEAD.unpack_from(block, at)
                at += _HEAD.size
                yield Happened(watch, mask, block[at : at + length].rstrip(b"\0"))
                at += length

    def close(self) -> None:
        """Let go of all watches."""
        os.close(self.descriptor)

    @staticmethod
    def _done(result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result
