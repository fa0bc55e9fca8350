"""Which of many values stand in a report, so that its layout seldom changes. Pure.

A report of ten thousand series has a layout of ten thousand names, kept for ever; a target that shows
a new series with every look must not cost one each time. So layouts used lately are used again, and
new ones are paid from a budget. When that is spent, what is new waits, and what left takes with it
whatever else came and went of late; when even that has been done too often, nothing is reported for a
while but what is counted of it. A target makes `2 × BURST + looks / REFILL_LOOKS` layouts at the most.
"""

from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from operator import itemgetter
from typing import Generic, TypeVar

Named = TypeVar("Named")

BURST = 16
REFILL_LOOKS = 20
REMEMBERED = 16


@dataclass(frozen=True, slots=True)
class Chosen(Generic[Named]):
    """The places that are reported, and what the caller calls them.

    held_back: values that are there and wait for a layout.
    """

    places: Sequence[int]
    named: Named
    held_back: int = 0

    def values(self, of: "array[float]") -> "array[float]":
        """Return the values of these places, in their order."""
        if isinstance(self.places, range):
            return of[: len(self.places)]
        if len(self.places) == 1:
            return array("d", [of[self.places[0]]])
        return array("d", itemgetter(*self.places)(of)) if self.places else array("d")


class Lineup(Generic[Named]):
    """The layouts of one target; `choose` once a look. Its places only ever grow: else begin anew.

    name: makes what stands for a list of places, once for each list.
    """

    def __init__(
        self, name: Callable[[Sequence[int]], Named], *, remembered: int = REMEMBERED
    ) -> None:
        self._name = name
        self._remembered = remembered
        self._known: OrderedDict[tuple[int, frozenset[int]], Chosen[Named]] = OrderedDict()
        self._last: Chosen[Named] = Chosen(range(0), name(range(0)))
        self._nothing = self._last
        self._last_key = (0, frozenset[int]())
        self._budget = float(BURST)
        self._looks = 0
        self._left: dict[int, int] = {}

    def choose(self, size: int, out: AbstractSet[int]) -> Chosen[Named]:
        """Return what is reported of places 0 up to size, without those that are out."""
        self._looks += 1
        self._budget = min(self._budget + 1 / REFILL_LOOKS, BURST)
        key = (size, frozenset(out))
        if key == self._last_key and not self._last.held_back:
            return self._last
        before, self._last_key = self._last_key[1], key
        # Only who was there and is out now came and went; who has been gone for long is no news.
        for place in key[1] - before:
            self._left[place] = self._looks
        chosen = self._known.get(key)
        if chosen is not None:
            self._known.move_to_end(key)
        elif self._budget >= 1:
            places = [place for place in range(size) if place not in out] if out else range(size)
            chosen = self._known[key] = self._paid(places)
            if len(self._known) > self._remembered:
                self._known.popitem(last=False)
        else:
            chosen = self._shrunk(size - len(out), out)
        self._last = chosen
        return chosen

    def begin_anew(self) -> None:
        """Forget all layouts, because the places mean other things now; the budget stays spent."""
        self._known.clear()
        self._left.clear()
        self._last = self._nothing
        self._last_key = (0, frozenset())

    def _paid(self, places: Sequence[int]) -> Chosen[Named]:
        self._budget -= 1
        return Chosen(places, self._name(places))

    def _shrunk(self, present: int, out: AbstractSet[int]) -> Chosen[Named]:
        last = self._last
        if out.isdisjoint(last.places):
            return Chosen(last.places, last.named, present - len(last.places))
        if self._budget < 1 - BURST:
            return Chosen(self._nothing.places, self._nothing.named, present)
        recent = self._looks - REFILL_LOOKS
        self._left = {place: look for place, look in self._left.items() if look > recent}
        kept = [place for place in last.places if place not in out and place not in self._left]
        chosen = self._paid(kept)
        return Chosen(kept, chosen.named, present - len(kept))
