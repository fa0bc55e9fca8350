"""Most files hold nothing of what is asked: small ones are laid side by side and looked through at once.

Only a no is believed here, and a no for all of them is one for each. A file in which something may
be is read again, by itself, as every large one is.
"""

import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from time import monotonic

import msgspec

from vedette.agent.modules import Context
from vedette.agent.modules.file_block import Block
from vedette.agent.modules.file_patterns import Pattern
from vedette.agent.modules.file_question import Question
from vedette.agent.modules.file_read import MOST_KNOWN, OPEN, Identity, ended, identity
from vedette.agent.modules.file_walk import Entry, OutOfTime

FULL_BYTES = 256 * 1024
"""No further file is laid into the block beyond it; what is longer than the rest of it stands alone."""
_MOST_FILES = 1024
PORTION_BYTES = 192 * 1024
"""Of a long file at once: what was read is still near the processor when it is looked through."""
_TRIED_FILES = 64
"""After so many it is judged whether the sieve is worth its while."""


class Plan(msgspec.Struct, frozen=True, eq=False):
    """What some questions together want of a file's contents.

    patterns: all of theirs. words: of which every match holds one; none where no words are known.
    sieved: whether a pattern that is nowhere in a file is all there is to know. on_no: those that want
    a file in which none of their patterns matches. unpacked, as_it_is: who asks of what gzip packed, and
    the others.
    """

    asked: tuple[Question, ...]
    patterns: tuple[Pattern, ...]
    words: tuple[bytes, ...]
    sieved: bool
    unpacked: tuple[Question, ...]
    as_it_is: tuple[Question, ...]
    on_no: tuple[Question, ...]

    @classmethod
    def of(cls, asked: tuple[Question, ...]) -> "Plan":
        """Return the plan for these questions."""
        checks = [check for question in asked for check in question.contents]
        patterns = tuple(dict.fromkeys(check.pattern for check in checks))
        return cls(
            asked=asked,
            patterns=patterns,
            words=_words(patterns),
            sieved=all(check.pattern.joins and not check.every for check in checks)
            and not any(question.hashes or question.options.decompress for question in asked),
            unpacked=tuple(question for question in asked if question.options.decompress),
            as_it_is=tuple(question for question in asked if not question.options.decompress),
            on_no=tuple(
                question
                for question in asked
                if not any(check.wanted for check in question.contents)
            ),
        )


class Sieve:
    """Files side by side in one block, a line break between them, and what is wanted of each.

    full: whether it must be emptied before the next file. worthwhile: whether it tells most files by
    a no; otherwise most would be read twice.
    """

    __slots__ = (
        "_block",
        "_caught",
        "_context",
        "_end",
        "_files",
        "_patterns",
        "_plan",
        "_starts",
        "_tried",
        "_without",
        "full",
        "worthwhile",
    )

    def __init__(self, block: Block, context: Context) -> None:
        self._block = block
        self._context = context
        self._end = 0
        self._starts: list[int] = []
        self._files: list[tuple[Entry, Plan]] = []
        self._patterns: dict[Pattern, None] = {}
        self._plan: Plan | None = None
        self._without: set[tuple[Identity, tuple[bytes, ...]]] = set()
        self._tried = self._caught = 0
        self.full = False
        self.worthwhile = True

    def take(self, entry: Entry, plan: Plan, *, plain: bool) -> bool:
        """Lay a file in, or look through a long one; False when it must be read by itself.

        Raise `OSError` where it cannot be read. plain: as `ended` means it.
        """
        at = self._end
        room = self._block.view[at:-1]  # a line break has its place always
        descriptor = os.open(entry.path, OPEN)
        try:
            count = os.readv(descriptor, (room,))
            if count == len(room):
                if not self._holds_nothing(descriptor, plan, at, at + count):
                    return False
                count = 0  # and it lies here as an empty one
            elif not ended(descriptor, count, len(room), plain=plain):
                return False
        finally:
            os.close(descriptor)
        self._starts.append(at)
        self._files.append((entry, plan))
        self._end = end = at + count + 1
        self._block.room[end - 1] = 10
        if plan is not self._plan:
            self._plan = plan
            self._patterns |= dict.fromkeys(plan.patterns)
        self.full = end > FULL_BYTES or len(self._starts) >= _MOST_FILES
        return True

    def _holds_nothing(self, descriptor: int, plan: Plan, at: int, end: int) -> bool:
        """Return whether no word wanted is in the file of which the beginning is in block[at:end]."""
        words, block, view = plan.words, self._block, self._block.view
        if not words:
            return False
        key = (identity(descriptor), words)
        if key in self._without:
            return True
        kept = max(map(len, words)) - 1
        rest = (view[at + kept : at + kept + PORTION_BYTES],)
        while self._context.deadline > monotonic():
            for word in words:
                if block.find(word, at, end) >= 0:
                    return False
            view[at : at + kept] = view[end - kept : end]
            count = os.readv(descriptor, rest)
            if not count:
                if len(self._without) < MOST_KNOWN:
                    self._without.add(key)
                return True
            end = at + kept + count
        raise OutOfTime

    def emptied(self) -> Iterator[tuple[Entry, Plan, bool]]:
        """Yield the files that need a word more and whether something may be in them, then be empty."""
        caught = self._held() if self._files else set()
        files = self._files
        self._tried += len(files)
        self._caught += len(caught)
        self._end, self._starts, self._files = 0, [], []
        self.full = False
        self.worthwhile = self._tried < _TRIED_FILES or self._caught * 2 < self._tried
        self._patterns, self._plan = {}, None
        for number, (entry, plan) in enumerate(files):
            if number in caught or plan.on_no:
                yield entry, plan, number in caught

    def _held(self) -> set[int]:
        """Return the numbers of the files in which some pattern may match."""
        return {number for pattern in self._patterns for number in self._with(pattern)}

    def _with(self, pattern: Pattern) -> Iterable[int]:
        starts, at = self._starts, 0
        while (place := pattern.place(self._block, at, self._end)) >= 0:
            number = bisect_right(starts, place) - 1
            yield number
            if number + 1 == len(starts):
                return
            at = starts[number + 1]


def _words(patterns: Iterable[Pattern]) -> tuple[bytes, ...]:
    words: set[bytes] = set()
    for pattern in patterns:
        if not pattern.literals:
            return ()
        words |= pattern.literals
    return tuple(words)
