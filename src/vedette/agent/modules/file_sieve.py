"""Most files hold nothing of what is asked: small ones are laid side by side and looked through at once.

Only a no is believed here, and a no for all of them is one for each. A file in which something may
be is read again, by itself, as every large one is.
"""

import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator

import msgspec

from vedette.agent.modules.file_block import Block
from vedette.agent.modules.file_patterns import Pattern
from vedette.agent.modules.file_question import Question
from vedette.agent.modules.file_read import OPEN
from vedette.agent.modules.file_walk import Entry

FULL_BYTES = 256 * 1024
"""No further file is laid into the block beyond it; what is longer than the rest of it stands alone."""
_MOST_FILES = 1024
_TRIED_FILES = 64
"""After so many it is judged whether the sieve is worth its while."""


class Plan(msgspec.Struct, frozen=True, eq=False):
    """What some questions together want of a file's contents.

    patterns: all of theirs. sieved: whether a pattern that is nowhere in a file is all there is to
    know. on_no: those that want a file in which none of their patterns matches.
    """

    asked: tuple[Question, ...]
    patterns: tuple[Pattern, ...]
    sieved: bool
    on_no: tuple[Question, ...]

    @classmethod
    def of(cls, asked: tuple[Question, ...]) -> "Plan":
        """Return the plan for these questions."""
        checks = [check for question in asked for check in question.contents]
        return cls(
            asked=asked,
            patterns=tuple(dict.fromkeys(check.pattern for check in checks)),
            sieved=all(check.pattern.joins and not check.every for check in checks)
            and not any(question.hashes or question.options.decompress for question in asked),
            on_no=tuple(
                question
                for question in asked
                if not any(check.wanted for check in question.contents)
            ),
        )


class Sieve:
    """Files side by side in one block, a line break between them, and what is wanted of each."""

    __slots__ = ("_block", "_caught", "_end", "_files", "_patterns", "_plan", "_starts", "_tried")

    def __init__(self, block: Block) -> None:
        self._block = block
        self._end = 0
        self._starts: list[int] = []
        self._files: list[tuple[Entry, Plan]] = []
        self._patterns: dict[Pattern, None] = {}
        self._plan: Plan | None = None
        self._tried = self._caught = 0

    @property
    def full(self) -> bool:
        """Whether it must be emptied before the next file."""
        return self._end > FULL_BYTES or len(self._files) >= _MOST_FILES

    @property
    def worthwhile(self) -> bool:
        """Whether it tells most files by a no; otherwise most would be read twice."""
        return self._tried < _TRIED_FILES or self._caught * 2 < self._tried

    def take(self, entry: Entry, plan: Plan) -> bool:
        """Lay a file in; False when it is too long to. Raise `OSError` where it cannot be read."""
        at = self._end
        room = self._block.view[at:-1]  # a line break has its place always
        descriptor = os.open(entry.path, OPEN)
        try:
            count = os.readv(descriptor, (room,))
            if count == len(room) or (count and os.pread(descriptor, 1, count)):
                return False
        finally:
            os.close(descriptor)
        self._starts.append(at)
        self._files.append((entry, plan))
        self._end = at + count + 1
        self._block.room[at + count] = 10
        if plan is not self._plan:
            self._plan = plan
            self._patterns |= dict.fromkeys(plan.patterns)
        return True

    def emptied(self) -> Iterator[tuple[Entry, Plan, bool]]:
        """Yield the files that need a word more and whether something may be in them, then be empty."""
        caught = self._held() if self._files else set()
        files = self._files
        self._tried += len(files)
        self._caught += len(caught)
        self._end, self._starts, self._files = 0, [], []
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
