"""A file is read once, whatever is asked of it: its lines pass the patterns, its bytes the hashes.

It is read, not mapped: a mapped file that is cut short meanwhile would kill the process. Memory
holds one block, and one line where that is longer.
"""

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

from vedette.agent.modules import Context
from vedette.agent.modules.file_block import Block
from vedette.agent.modules.file_patterns import Pattern
from vedette.agent.modules.file_question import Question
from vedette.agent.modules.file_walk import OutOfTime

if TYPE_CHECKING:
    import hashlib

BLOCK_BYTES = 512 * 1024
LONGEST_LINE_BYTES = 16 * 1024 * 1024
"""Past it a line is searched in pieces that overlap by `_OVERLAP_BYTES`."""
_OVERLAP_BYTES = 1024 * 1024
OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
"""How a file is opened: a FIFO that took its place meanwhile must not hold us."""
_HASHED_BYTES = 128 * 1024
"""Of a long file at once: what was read is still near the processor when it is hashed."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_GZIP = b"\x1f\x8b\x08"

MOST_KNOWN = 10_000
"""Long files of which it is remembered what is in them: links to libraries are half of what is below /usr."""

Identity = tuple[int, int, int, int]
Fill = Callable[[memoryview], int]


def ended(descriptor: int, count: int, room: int, *, plain: bool) -> bool:
    """Return whether the `count` bytes that were read from the beginning are all there is.

    plain: it is a regular file of this host's own disks, of which less is read than there is room for at
    the end alone, or before a page that cannot be read.
    """
    if count == room:
        return False
    return not count or (plain and count % _PAGE_BYTES > 0) or not os.pread(descriptor, 1, count)


def identity(descriptor: int) -> Identity:
    """Return what two names of one file have in common for as long as nobody changes it."""
    inode = os.fstat(descriptor)
    return inode.st_dev, inode.st_ino, inode.st_size, inode.st_ctime_ns


class Findings(msgspec.Struct):
    """What is asked of a file's bytes, then what was found there."""

    any_line: dict[Pattern, bool] = {}
    every_line: dict[Pattern, bool] = {}
    digests: dict[str, str] = {}
    empty: bool = True

    @classmethod
    def wanted(cls, asked: Iterable[Question]) -> "Findings":
        """Return the blank form for these questions; a pattern two of them ask stands once."""
        blank = cls()
        for question in asked:
            for check in question.contents:
                (blank.every_line if check.every else blank.any_line)[check.pattern] = check.every
            for digest in question.hashes:
                blank.digests[digest.algorithm] = ""
        return blank

    def answer(self, question: Question) -> bool:
        """Return whether the file's contents are as the question wants them."""
        for check in question.contents:
            said = self.every_line if check.every else self.any_line
            if (said[check.pattern] and not self.empty) != check.wanted:
                return False
        return all(
            (self.digests[check.algorithm] == check.digest) == check.wanted
            for check in question.hashes
        )


class Reader:
    """Reads files one after the other through one buffer."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._first = self._block = Block(bytearray(BLOCK_BYTES))
        self._blank: dict[str, hashlib._Hash] = {}
        self._known: dict[tuple[Identity, tuple[Pattern | str, ...], int], Findings] = {}

    def read(
        self, path: bytes, findings: Findings, *, unpack: bool = False, plain: bool = False
    ) -> None:
        """Fill the findings in; raise `OSError` (also for broken gzip) or `OutOfTime`.

        plain: it is a regular file of this host's own disks, as `ended` means it.
        """
        descriptor = os.open(path, OPEN)
        try:
            if unpack and os.pread(descriptor, 3, 0) == _GZIP:
                self._unpack(descriptor, findings)
                return
            whole = self._block.view
            count = os.readv(descriptor, (whole,))
            if ended(descriptor, count, len(whole), plain=plain):
                self._small(findings, count)
            else:
                self._long(descriptor, findings, count)
        finally:
            os.close(descriptor)

    def digest(self, path: bytes, *, unpack: bool = False) -> str:
        """Return the file's SHA-256, upper case as MIG gives it."""
        findings = Findings(digests={"sha256": ""})
        self.read(path, findings, unpack=unpack)
        return findings.digests["sha256"].upper()

    def _small(self, findings: Findings, end: int) -> None:
        """Answer for a file that is whole in the block: most of them."""
        if self._context.expired:
            raise OutOfTime
        findings.empty = not end
        for name, one in self._hashes(findings):
            one.update(self._block.view[:end])
            findings.digests[name] = one.hexdigest()
        if findings.any_line or findings.every_line:
            self._ask(findings, end)

    def _long(self, descriptor: int, findings: Findings, count: int) -> None:
        """Answer for a file of which the first `count` bytes are in the block; by each of its names it is read once."""
        asked: tuple[Pattern | str, ...] = (
            *findings.any_line,
            *findings.every_line,
            *findings.digests,
        )
        key = (identity(descriptor), asked, len(findings.any_line))
        known = self._known.get(key)
        if known is not None:
            findings.any_line, findings.every_line = known.any_line, known.every_line
            findings.digests, findings.empty = known.digests, known.empty
            return
        if findings.any_line or findings.every_line:
            self._through(lambda room: os.readv(descriptor, (room,)), findings, count)
        else:
            self._hash_on(descriptor, findings, count)
        if len(self._known) < MOST_KNOWN:
            self._known[key] = findings

    def _hash_on(self, descriptor: int, findings: Findings, count: int) -> None:
        """Hash to the end, of which the first `count` bytes are in the block."""
        hashes = self._hashes(findings)
        findings.empty = not count
        data, portion = self._block.view[:count], self._block.view[:_HASHED_BYTES]
        while data:
            if self._context.expired:
                raise OutOfTime
            for _, one in hashes:
                one.update(data)
            data = portion[: os.readv(descriptor, (portion,))]
        for name, one in hashes:
            findings.digests[name] = one.hexdigest()

    def _hashes(self, findings: Findings) -> list[tuple[str, "hashlib._Hash"]]:
        """Return a fresh hash each; to copy one costs a quarter of making it by its name."""
        for name in findings.digests:
            if name not in self._blank:
                import hashlib  # half of what it costs to import this, and few ask for it

                self._blank[name] = hashlib.new(name, usedforsecurity=False)
        return [(name, self._blank[name].copy()) for name in findings.digests]

    def _unpack(self, descriptor: int, findings: Findings) -> None:
        import gzip
        import zlib

        with os.fdopen(os.dup(descriptor), "rb") as packed, gzip.open(packed) as stream:
            try:
                self._through(stream.readinto, findings)
            except (EOFError, zlib.error, gzip.BadGzipFile) as fault:
                raise OSError(f"gzip: {fault}") from None

    def _through(self, fill: Fill, findings: Findings, filled: int = 0) -> None:
        """Read on to the end, of which the first `filled` bytes are in the block."""
        hashes = self._hashes(findings)
        kept = 0  # bytes at the block's beginning: a line whose end was not read yet
        ended = False
        while not ended:
            end, ended = self._fill(fill, max(kept, filled))
            for _, one in hashes:
                one.update(self._block.view[kept:end])
            findings.empty = findings.empty and not end
            kept, filled = self._search(findings, end, ended), 0
            if not hashes and _settled(findings):
                break
        for name, one in hashes:
            findings.digests[name] = one.hexdigest()
        self._block = self._first

    def _fill(self, fill: Fill, at: int) -> tuple[int, bool]:
        """Read until the block is full or the file ends; return where that is, and whether."""
        if self._context.expired:
            raise OutOfTime
        view = self._block.view
        while at < len(view):
            count = fill(view[at:])
            if count == 0:
                return at, True
            at += count
        return at, False

    def _search(self, findings: Findings, end: int, ended: bool) -> int:
        """Search the whole lines of the first `end` bytes; return how many of the next are kept."""
        if not findings.any_line and not findings.every_line:
            return 0
        reach = None if ended else _reach(findings)
        if reach is not None and end > reach:
            self._ask(findings, end)
            return self._keep(end, reach)
        whole = end if ended else self._block.room.rfind(b"\n", 0, end) + 1
        if not whole and end < LONGEST_LINE_BYTES:
            self._block = self._block.grown()
            return end
        self._ask(findings, whole or end)
        return self._keep(end, end - whole if whole else _OVERLAP_BYTES)

    def _keep(self, end: int, rest: int) -> int:
        """Move the last `rest` of the first `end` bytes to the beginning."""
        self._block.view[:rest] = bytes(self._block.view[end - rest : end])
        return rest

    def _ask(self, findings: Findings, end: int) -> None:
        for pattern, found in findings.any_line.items():
            if not found:
                findings.any_line[pattern] = pattern.in_lines(self._block, end)
        if end:
            for pattern, holds in findings.every_line.items():
                if holds:
                    findings.every_line[pattern] = pattern.on_all_lines(self._block, end)


def _reach(findings: Findings) -> int | None:
    """Return how many bytes two portions must share for plain words; None where lines decide."""
    if findings.every_line:
        return None
    reaches = [pattern.reach for pattern, found in findings.any_line.items() if not found]
    known = [reach for reach in reaches if reach is not None]
    return max(known, default=0) if len(known) == len(reaches) else None


def _settled(findings: Findings) -> bool:
    return all(findings.any_line.values()) and not any(findings.every_line.values())
