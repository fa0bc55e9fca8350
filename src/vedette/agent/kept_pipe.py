"""A pipe from a program we run, of which the beginning is kept."""

import asyncio
import os
from typing import Self

_READ_BYTES = 65_536


class KeptPipe:
    """The first `limit` bytes are kept; the rest is read, so that nobody waits for us, and dropped.

    Not a pipe of asyncio's own: a child's `wait` would then wait for whoever else holds its end.
    over: more came than `most`, which is all that is kept unless said. ended: nobody holds the
    other end any more.
    """

    def __init__(self, limit: int, *, most: int | None = None) -> None:
        self.content = bytearray()
        self.over = asyncio.Event()
        self.ended = asyncio.Event()
        self._limit = limit
        self._left = limit if most is None else most
        self._ours, self.theirs = os.pipe()

    @property
    def cut(self) -> bool:
        """Whether more came than may."""
        return self.over.is_set()

    def __enter__(self) -> Self:
        """Begin to read."""
        os.set_blocking(self._ours, False)
        asyncio.get_running_loop().add_reader(self._ours, self._read)
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of both ends."""
        self._end()
        os.close(self._ours)
        self.give()

    def give(self) -> None:
        """Let go of the end that the program has by now."""
        if self.theirs >= 0:
            os.close(self.theirs)
            self.theirs = -1

    def _read(self) -> None:
        try:
            piece = os.read(self._ours, _READ_BYTES)
        except BlockingIOError:
            return
        self._left -= len(piece)
        if self._left < 0:
            self.over.set()
        self.content += piece[: self._limit - len(self.content)]
        if not piece:
            self._end()

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._ours)
        self.ended.set()
