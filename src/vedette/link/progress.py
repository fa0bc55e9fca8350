"""How far the changes were read, when ids become visible out of order.

Ids are drawn when a row is written and seen when its transaction commits, so a reader that asks
only for "above the highest I saw" loses whatever commits late. `Progress` remembers the ids below
the highest that were not there: its holes. A hole is read again until its row appears, or until
every transaction that held a write lock on the table when the hole was first asked about has ended:
a transaction takes that lock before it draws an id, so nobody is left who could fill it (its writer
rolled back). Nothing waits for a clock, and a long transaction elsewhere delays nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Hole:
    """Ids, first to last, that were not there. writers: who may yet fill it; None until asked."""

    first: int
    last: int
    writers: frozenset[str] | None = None


class Progress:
    """Where a reader stands. `ask` before a read, `saw` with its ids, `settle` after it."""

    def __init__(self, above: int) -> None:
        self.high = above
        self.holes: list[Hole] = []

    @property
    def mark(self) -> int:
        """The highest id up to which nothing can appear any more."""
        return self.holes[0].first - 1 if self.holes else self.high

    def ask(self, writers: frozenset[str]) -> None:
        """Note who, at this moment and before the next read begins, may fill the holes."""
        self.holes = [
            replace(hole, writers=writers if hole.writers is None else hole.writers & writers)
            for hole in self.holes
        ]

    def saw(self, ids: Sequence[int]) -> None:
        """Note the ids one read brought, ascending."""
        for seen in ids:
            if seen > self.high:
                if seen > self.high + 1:
                    self.holes.append(Hole(self.high + 1, seen - 1))
                self.high = seen
            else:
                self._fill(seen)

    def settle(self) -> None:
        """Give up the holes that this read found empty though nobody was left to fill them."""
        self.holes = [hole for hole in self.holes if hole.writers is None or hole.writers]

    def _fill(self, seen: int) -> None:
        for place, hole in enumerate(self.holes):
            if hole.first <= seen <= hole.last:
                rest = [replace(hole, last=seen - 1), replace(hole, first=seen + 1)]
                self.holes[place : place + 1] = [part for part in rest if part.first <= part.last]
                return
