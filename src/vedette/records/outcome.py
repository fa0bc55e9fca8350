"""What applying documents changed, for whoever waits for the answer."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

Found = dict[tuple[str, str, str], bytes]
"""The digest of what was found, by source, and the subject's kind and name."""
LINES = 1_000
"""So many new things are named one by one; of the others only how many there are."""


@dataclass(slots=True)
class Outcome:
    """What is new and what changed.

    created: `(what, name)` in the order of the documents, the first `LINES` of them. totals: how many of each
    `what`. opened, closed, changed: findings (validations, values) that did so. unchanged: subjects that are as
    they were. older: looks that came too late to count. words: numbers of the severity words.
    found: digests of what was found in each subject.
    """

    created: list[tuple[str, str]] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    opened: int = 0
    closed: int = 0
    changed: int = 0
    unchanged: int = 0
    older: int = 0
    found: Found = field(default_factory=dict)

    def say(self, what: str, name: str) -> None:
        """Note that something was added."""
        self.totals[what] = self.totals.get(what, 0) + 1
        if len(self.created) < LINES:
            self.created.append((what, name))

    def count(self, opened: int, closed: int, changed: int) -> None:
        """Add to the tally."""
        self.opened += opened
        self.closed += closed
        self.changed += changed

    def say_all(self, things: Iterable[tuple[str, str]], totals: dict[str, int]) -> None:
        """Note that these were added, so many of each; the things are named as far as there are lines for them."""
        if totals:
            self.created += islice(things, LINES - len(self.created))
        for what, number in totals.items():
            self.totals[what] = self.totals.get(what, 0) + number
