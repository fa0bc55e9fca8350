"""The one buffer files are read into, and the fastest search in it that the C library has."""

import ctypes
from typing import Any

from vedette.agent.modules.file_words import rare_end

_WORTH_BYTES = 4096
"""Below it the call costs more than it saves."""
WORTH_RE2_BYTES = 32 * 1024 * 1024
"""So much must have been looked through before RE2, which is slow to import, is asked for words, too."""


def _c_search() -> Any:  # noqa: ANN401 - a function of C, or None
    try:
        memmem = ctypes.CDLL(None).memmem
    except (OSError, TypeError, AttributeError):
        return None
    memmem.restype = ctypes.c_void_p
    memmem.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    return memmem


_MEMMEM = _c_search()
"""glibc's and musl's memmem: three to five times as fast as `bytearray.find`."""


class Block:
    """Room for a part of a file. view: all of it, to be read into. searched: bytes looked through for words."""

    __slots__ = ("_address", "room", "searched", "view")

    def __init__(self, room: bytearray) -> None:
        self.room = room
        self.view = memoryview(room)
        self._address = ctypes.addressof((ctypes.c_char * len(room)).from_buffer(room))
        self.searched = 0

    def find(self, word: bytes, at: int, end: int) -> int:
        """Return where the word begins in room[at:end]; -1 where it does not."""
        if end - at < _WORTH_BYTES:
            return self.room.find(word, at, end)
        self.searched += end - at
        if self.searched > WORTH_RE2_BYTES and (rare := rare_end(word)) is not None:
            hit = rare.search(self.view[at:end])
            if hit is None:
                return -1
            start = at + int(hit.start()) - rare.before
            if start >= at and self.room.startswith(word, start):
                return start
            at = max(at, start + 1)  # the others by memmem: where one end is, more may be
        return self._first(word, at, end)

    def _first(self, word: bytes, at: int, end: int) -> int:
        if _MEMMEM is None:
            return self.room.find(word, at, end)
        found = _MEMMEM(self._address + at, end - at, word, len(word))
        return -1 if found is None else found - self._address

    def grown(self) -> "Block":
        """Return a block twice as large that begins with what is in this one."""
        return Block(self.room + bytes(len(self.room)))
