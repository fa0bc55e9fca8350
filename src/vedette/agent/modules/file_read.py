"""A file is read once, whatever is asked of it: its lines pass the patterns, its bytes the hashes.

It is read, not mapped: a mapped file that is cut short meanwhile would kill the process. Memory
holds one block, and one line where that is longer.
"""

import gzip
import hashlib
import os
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from vedette.agent.modules import Context
from vedette.agent.modules.file_patterns import Pattern
from vedette.agent.modules.file_question import Question

BLOCK_BYTES = 512 * 1024
LONGEST_LINE_BYTES = 16 * 1024 * 1024
"""Past it a line is searched in pieces that overlap by `_OVERLAP_BYTES`."""
_OVERLAP_BYTES = 1024 * 1024
_GZIP = b"\x1f\x8b\x08"

Fill = Callable[[memoryview], int]


class OutOfTime(Exception):  # noqa: N818 - not a fault of the file
    """The module's time is over in the middle of a file."""


@dataclass(slots=True)
class Findings:
    """What is asked of a file's bytes, then what was found there."""

    any_line: dict[Pattern, bool] = field(default_factory=dict)
    every_line: dict[Pattern, bool] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
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
        self._block = bytearray(BLOCK_BYTES)

    def read(self, path: bytes, findings: Findings, *, unpack: bool = False) -> None:
        """Fill the findings in; raise `OSError` (also for broken gzip) or `OutOfTime`."""
        # A FIFO that took the file's place meanwhile must not hold us.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if unpack and os.pread(descriptor, 3, 0) == _GZIP:
                self._unpack(descriptor, findings)
            else:
                self._through(lambda room: os.readv(descriptor, [room]), findings)
        finally:
            os.close(descriptor)

    def digest(self, path: bytes, *, unpack: bool = False) -> str:
        """Return the file's SHA-256, upper case as MIG gives it."""
        findings = Findings(digests={"sha256": ""})
        self.read(path, findings, unpack=unpack)
        return findings.digests["sha256"].upper()

    def _unpack(self, descriptor: int, findings: Findings) -> None:
        with os.fdopen(os.dup(descriptor), "rb") as packed, gzip.open(packed) as stream:
            try:
                self._through(stream.readinto, findings)
            except (EOFError, zlib.error, gzip.BadGzipFile) as fault:
                raise OSError(f"gzip: {fault}") from None

    def _through(self, fill: Fill, findings: Findings) -> None:
        hashes = {name: hashlib.new(name, usedforsecurity=False) for name in findings.digests}
        kept = 0  # bytes at the block's beginning: a line whose end was not read yet
        ended = False
        while not ended:
            end, ended = self._fill(fill, kept)
            with memoryview(self._block)[kept:end] as fresh:
                for one in hashes.values():
                    one.update(fresh)
            findings.empty = findings.empty and not end
            kept = self._search(findings, end, ended)
            if not hashes and _settled(findings):
                break
        for name, one in hashes.items():
            findings.digests[name] = one.hexdigest()
        del self._block[BLOCK_BYTES:]

    def _fill(self, fill: Fill, at: int) -> tuple[int, bool]:
        """Read until the block is full or the file ends; return where that is, and whether."""
        if self._context.expired:
            raise OutOfTime
        with memoryview(self._block) as block:
            while at < len(block):
                count = fill(block[at:])
                if count == 0:
                    return at, True
                at += count
        return at, False

    def _search(self, findings: Findings, end: int, ended: bool) -> int:
        """Search the whole lines of block[:end]; return how many bytes of the next are kept."""
        if not findings.any_line and not findings.every_line:
            return 0
        block = self._block
        whole = end if ended else block.rfind(b"\n", 0, end) + 1
        if not whole and end < LONGEST_LINE_BYTES:
            block.extend(bytes(len(block)))
            return end
        rest = end - whole if whole else _OVERLAP_BYTES
        self._ask(findings, whole or end)
        block[:rest] = block[end - rest : end]
        return rest

    def _ask(self, findings: Findings, end: int) -> None:
        for pattern, found in findings.any_line.items():
            if not found:
                findings.any_line[pattern] = pattern.in_lines(self._block, end)
        if end:
            for pattern, holds in findings.every_line.items():
                if holds:
                    findings.every_line[pattern] = pattern.on_all_lines(self._block, end)


def _settled(findings: Findings) -> bool:
    return all(findings.any_line.values()) and not any(findings.every_line.values())
