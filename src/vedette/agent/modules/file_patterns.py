r"""RE2 over names and lines: linear in what it reads, whatever the pattern.

Lines end at `\n`; they may be of any length, and bytes that are no UTF-8 match no `.`.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from vedette.agent.modules.file_block import Block
from vedette.agent.modules.file_literals import is_literal, required
from vedette.agent.modules.patterns import compiled
from vedette.errors import Invalid

_ONLY_BY_LINE = r"\\[AzCQ]|\(\?[a-zA-Z]*-|\n"
"""What means something else in a text of many lines than in one of them."""
_LINES_TRIED = 256
"""Lines around a literal before the pattern is tried on all the rest at once."""


class Pattern:
    """One pattern; what starts with `!` has that taken off and is asked elsewhere."""

    __slots__ = ("_by_line", "_line", "_lines", "_literals", "_word", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._by_line = re.search(_ONLY_BY_LINE, text) is not None
        self._word = _encoded(text) if is_literal(text) else b""
        self._literals: frozenset[bytes] | None
        if self._word:  # and RE2, which is slow to import, is not asked at all
            self._literals = frozenset({self._word})
            return
        self._literals = None if self._by_line else required(text)
        self._line = _compile(text, many_lines=False)
        self._lines = self._line if self._by_line else _compile("(?m)" + text, many_lines=True)

    @property
    def reach(self) -> int | None:
        """How many bytes before a match's last belong to it at most; None where lines decide."""
        return len(self._word) - 1 if self._word else None

    def fits(self, line: bytes) -> bool:
        """Return whether it matches somewhere in this one name or line."""
        if self._word:
            return self._word in line
        return self._line.search(line) is not None

    @property
    def joins(self) -> bool:
        """Whether `place` can tell of it in many files at once."""
        return not self._by_line or self._literals is not None

    def place(self, block: Block, at: int, end: int) -> int:
        """Return where in block[at:end] a match may be first; -1 where surely none is."""
        if self._literals is None:
            hit = self._lines.search(block.view[at:end])
            return -1 if hit is None else at + int(hit.start())
        places = [block.find(word, at, end) for word in self._literals]
        return min((place for place in places if place >= 0), default=-1)

    def in_lines(self, block: Block, end: int) -> bool:
        """Return whether it matches in one of the lines of the first `end` bytes; nothing has no lines."""
        if not end:
            return False
        if self._literals is not None:
            return any(self._around(block, end, word) for word in self._literals)
        return self._search(block.view[:end])

    def on_all_lines(self, block: Block, end: int) -> bool:
        """Return whether there are lines in the first `end` bytes and it matches in each."""
        if not end:
            return False
        lines = bytes(block.view[:end]).split(b"\n")
        if not lines[-1]:
            lines.pop()
        return all(map(self.fits, lines))

    def lines(self, block: bytes) -> Iterator[bytes]:
        """Yield the lines it matches in, in order."""
        if self._literals and not any(word in block for word in self._literals):
            return
        if self._by_line or self._word:
            yield from filter(self.fits, block.split(b"\n"))
            return
        at = 0
        while at <= len(block) and (hit := self._lines.search(block, at)):
            start = block.rfind(b"\n", 0, hit.start()) + 1
            end = block.find(b"\n", hit.start())
            at = len(block) + 1 if end < 0 else end + 1
            yield block[start : at - 1]

    def _around(self, block: Block, end: int, word: bytes) -> bool:
        at = block.find(word, 0, end)
        for _ in range(_LINES_TRIED):
            if at < 0:
                return False
            if self._word:
                return True
            start = block.room.rfind(b"\n", 0, at) + 1
            stop = block.room.find(b"\n", at, end)
            stop = end if stop < 0 else stop
            if self._line.search(bytes(block.view[start:stop])):
                return True
            at = block.find(word, stop, end)
        return at >= 0 and self._search(block.view[block.room.rfind(b"\n", 0, at) + 1 : end])

    def _search(self, view: memoryview) -> bool:
        if self._by_line:
            return any(map(self.fits, bytes(view).removesuffix(b"\n").split(b"\n")))
        if view.nbytes and view[-1] == 10:  # no empty line stands after the last
            view = view[:-1]
        return self._lines.search(view) is not None


@lru_cache(maxsize=4096)
def pattern(text: str) -> Pattern:
    """Return the pattern, compiled once; raise `Invalid` when RE2 cannot read it."""
    return Pattern(text)


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Invalid(f"the pattern {text[:200]!r} is no text") from None


def _compile(text: str, *, many_lines: bool) -> Any:  # noqa: ANN401 - re2 has no types
    return compiled(text, bytewise=True, never_capture=True, never_nl=many_lines)
