r"""RE2 over names and lines: linear in what it reads, whatever the pattern.

Lines end at `\n`; they may be of any length, and bytes that are no UTF-8 match no `.`.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from vedette.agent.modules.file_literals import Plain, plain_text, required, surely_valid
from vedette.agent.modules.patterns import compiled
from vedette.errors import Invalid

if TYPE_CHECKING:
    from vedette.agent.modules.file_block import Block

_ONLY_BY_LINE = r"\\[AzCQ]|\(\?[a-zA-Z]*-|\n"
"""What means something else in a text of many lines than in one of them."""
_LINES_TRIED = 256
"""Lines around a literal before the pattern is tried on all the rest at once."""


class Pattern:
    """One pattern; what starts with `!` has that taken off and is asked elsewhere.

    fits: whether it matches somewhere in this one name or line. literals: of which every match holds at
    least one; None where none are known.
    """

    __slots__ = ("_by_line", "_framed", "_line", "_lines", "_word", "fits", "literals", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._by_line = False
        self._line: Any = None
        self._lines: Any = None
        self._framed = self._word = b""
        self.literals: frozenset[bytes] | None
        self.fits: Callable[[bytes], bool]
        plain = plain_text(text)
        if plain:
            word = _encoded(plain.word)
            self.literals = frozenset({word})
            self._framed = b"\n" * plain.at_start + word + b"\n" * plain.at_end
            self._word = word if word == self._framed else b""
            self.fits = _plainly(plain, word)
            return
        self._by_line = re.search(_ONLY_BY_LINE, text) is not None
        self.literals = None if self._by_line else required(text)
        self.fits = self._fits
        if not surely_valid(text) or not _encoded(text):
            self._of_one()

    @property
    def reach(self) -> int | None:
        """How many bytes before a match's last belong to it at most; None where lines decide."""
        return len(self._word) - 1 if self._word else None

    @property
    def joins(self) -> bool:
        """Whether `place` can tell of it in many files at once."""
        return not self._by_line or self.literals is not None

    def place(self, block: "Block", at: int, end: int) -> int:
        """Return where in block[at:end] a match may be first; -1 where surely none is."""
        if self.literals is None:
            hit = self._of_many().search(block.view[at:end])
            return -1 if hit is None else at + int(hit.start())
        places = [block.find(word, at, end) for word in self.literals]
        return min((place for place in places if place >= 0), default=-1)

    def in_lines(self, block: "Block", end: int) -> bool:
        """Return whether it matches in one of the lines of the first `end` bytes; nothing has no lines."""
        if not end:
            return False
        if self.literals is not None:
            return any(self._around(block, end, word) for word in self.literals)
        return self._search(block.view[:end])

    def on_all_lines(self, block: "Block", end: int) -> bool:
        """Return whether there are lines in the first `end` bytes and it matches in each."""
        if not end:
            return False
        lines = bytes(block.view[:end]).split(b"\n")
        if not lines[-1]:
            lines.pop()
        return all(map(self.fits, lines))

    def lines(self, text: bytes) -> Iterator[bytes]:
        """Yield the lines it matches in, in order."""
        lines = text.split(b"\n")
        yield from map(lines.__getitem__, self.numbers(b"\n%b\n" % text))

    def numbers(self, framed: bytes) -> Iterator[int]:
        """Yield the numbers of the lines it matches in; a line break stands before the first, one ends the last."""
        if self.literals and not any(word in framed for word in self.literals):
            return
        if self._by_line:
            for number, line in enumerate(framed[1:-1].split(b"\n")):
                if self.fits(line):
                    yield number
            return
        number, counted, at = -1, 0, 0
        while (place := self._next(framed, at)) >= 0:
            number += framed.count(b"\n", counted, place)
            yield number
            counted, at = place, framed.find(b"\n", place)

    def _next(self, framed: bytes, at: int) -> int:
        """Return where the next match is in the lines after the break that stands at or after `at`."""
        if self._framed:
            place = framed.find(self._framed, at)
            return place + (self._framed[0] == 10) if place >= 0 else -1
        if at + 1 == len(framed):
            return -1
        hit = self._of_many().search(framed, at + 1, len(framed) - 1)
        return -1 if hit is None else int(hit.start())

    def _around(self, block: "Block", end: int, word: bytes) -> bool:
        at = block.find(word, 0, end)
        for _ in range(_LINES_TRIED):
            if at < 0:
                return False
            if self._word:
                return True
            start = block.room.rfind(b"\n", 0, at) + 1
            stop = block.room.find(b"\n", at, end)
            stop = end if stop < 0 else stop
            if self.fits(bytes(block.view[start:stop])):
                return True
            at = block.find(word, stop, end)
        return at >= 0 and self._search(block.view[block.room.rfind(b"\n", 0, at) + 1 : end])

    def _search(self, view: memoryview) -> bool:
        if self._by_line:
            return any(map(self.fits, bytes(view).removesuffix(b"\n").split(b"\n")))
        if view.nbytes and view[-1] == 10:  # no empty line stands after the last
            view = view[:-1]
        return self._of_many().search(view) is not None

    def _fits(self, line: bytes) -> bool:
        return self._of_one().search(line) is not None

    def _of_one(self) -> Any:  # noqa: ANN401 - re2 has no types
        """Return it compiled for one line: as late as can be, for to import RE2 costs every run."""
        if self._line is None:
            self._line = _compile(self.text, many_lines=False)
        return self._line

    def _of_many(self) -> Any:  # noqa: ANN401 - as above
        if self._lines is None:
            self._lines = _compile("(?m)" + self.text, many_lines=True)
        return self._lines


@lru_cache(maxsize=4096)
def pattern(text: str) -> Pattern:
    """Return the pattern, compiled once; raise `Invalid` when RE2 cannot read it."""
    return Pattern(text)


def _plainly(plain: Plain, word: bytes) -> Callable[[bytes], bool]:
    if plain.at_start and plain.at_end:
        return lambda line: line == word
    if plain.at_start:
        return lambda line: line.startswith(word)
    if plain.at_end:
        return lambda line: line.endswith(word)
    return lambda line: word in line


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Invalid(f"the pattern {text[:200]!r} is no text") from None


def _compile(text: str, *, many_lines: bool) -> Any:  # noqa: ANN401 - as above
    return compiled(text, bytewise=True, never_capture=True, never_nl=many_lines)
