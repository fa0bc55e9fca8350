"""Another process's memory, a portion at a time, through one buffer.

Portions of what lies side by side share `OVERLAP_BYTES`, so that what stands across their border is
in one of them whole. Pages that were never touched are not read: that would make the kernel give
a page for each, and what another process put there is found there.
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from vedette.agent.modules.file_block import Block
from vedette.agent.modules.memory_regions import Region
from vedette.agent.opener import Opener

PORTION_BYTES = 1024 * 1024
OVERLAP_BYTES = 64 * 1024
_PAGE = os.sysconf("SC_PAGESIZE")
_PAGES = 16_384
"""Whose entries are read at once."""
_ENTRY_BYTES = 8
_USED = re.compile(rb"[\x40-\xff]+")
"""Of the highest bytes of entries: present (0x80) or swapped out (0x40); less says neither."""


@dataclass(frozen=True, slots=True)
class Portion:
    """What was read. at, end: where it stands in the block; fresh: where what is new begins.

    address: of the byte at `at`.
    """

    at: int
    fresh: int
    end: int
    address: int


class Memory:
    """One process's memory, open for reading. unread: how many bytes could not be."""

    def __init__(self, folder: Path, block: Block, opener: Opener) -> None:
        self.unread = 0
        self._block = block
        self._folder = folder
        self._opener = opener
        self._memory = self._pages = -1

    def __enter__(self) -> Self:
        """Open it; raise `OSError` where that is refused."""
        self._memory = self._opener.open(f"{self._folder}/mem")
        try:
            self._pages = self._opener.open(f"{self._folder}/pagemap")
        except OSError:
            self._pages = -1  # then all is read
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of it."""
        os.close(self._memory)
        if self._pages >= 0:
            os.close(self._pages)

    def portions(self, mapped: Iterable[Region]) -> Iterator[Portion]:
        """Yield what the regions hold, in order; the block is the caller's until the next one."""
        kept, until = 0, -1
        for region in mapped:
            for address, count in self._filled(region):
                if address != until:
                    kept = 0
                at, end = OVERLAP_BYTES - kept, OVERLAP_BYTES + count
                yield Portion(at, OVERLAP_BYTES, end, address - kept)
                kept = min(OVERLAP_BYTES, kept + count)
                view = self._block.view
                view[OVERLAP_BYTES - kept : OVERLAP_BYTES] = bytes(view[end - kept : end])
                until = address + count

    def _filled(self, region: Region) -> Iterator[tuple[int, int]]:
        """Read the region into the block; yield each portion's address and how long it is."""
        for start, end in self._runs(region):
            at = start
            while at < end:
                count = self._read(at, min(PORTION_BYTES, end - at))
                if count:
                    yield at, count
                else:
                    self.unread += _PAGE
                at += count or _PAGE

    def _read(self, address: int, wanted: int) -> int:
        room = self._block.view[OVERLAP_BYTES : OVERLAP_BYTES + wanted]
        try:
            return os.preadv(self._memory, (room,), address)
        except (OSError, OverflowError):
            return 0

    def _runs(self, region: Region) -> Iterator[tuple[int, int]]:
        """Yield what of the region is to be read: where it begins, where it ends."""
        if not region.lazy or self._pages < 0:
            yield region.start, region.end
            return
        for at in range(region.start, region.end, _PAGES * _PAGE):
            entries = self._entries(at, min(_PAGES, -(-(region.end - at) // _PAGE)))
            for run in _USED.finditer(entries[_ENTRY_BYTES - 1 :: _ENTRY_BYTES]):
                yield at + run.start() * _PAGE, at + run.end() * _PAGE

    def _entries(self, address: int, pages: int) -> bytes:
        try:
            return os.pread(self._pages, pages * _ENTRY_BYTES, address // _PAGE * _ENTRY_BYTES)
        except (OSError, OverflowError):
            return b""


def room() -> Block:
    """Return a block that holds a portion and what it shares with the one before."""
    return Block(bytearray(OVERLAP_BYTES + PORTION_BYTES))
