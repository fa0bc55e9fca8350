"""What stands, held in memory, and the changes that led there lately."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

from vedette.health.feed_reads import Change

REMEMBERED = 10_000
"""Changes kept for those who come back with a cursor; an older cursor begins with a snapshot."""


class Standing:
    """How every living target and component is, as far as the feed has read.

    floor: every change with an id above it is remembered.
    """

    def __init__(self) -> None:
        self.floor = 0
        self._held: dict[tuple[str, int], Change] = {}
        self._recent: deque[Change] = deque(maxlen=REMEMBERED)

    def __iter__(self) -> Iterator[Change]:
        return iter(self._held.values())

    def take(self, transitions: Iterable[Change]) -> list[Change]:
        """Take transitions in, by id; return those that are news.

        No news is what we hold already, what something newer has superseded, and what was retired.
        """
        news = []
        for change in transitions:
            key = (change.subject, change.subject_id)
            held = self._held.get(key)
            if change.retired or (held and (held.now == change.now or held.id > change.id)):
                continue
            self._held[key] = change
            news.append(change)
        return news

    def replace(self, fresh: Iterable[Change], *, cursor: int) -> list[Change]:
        """Hold this and nothing else; return what differs from before as changes with that id."""
        before = self._held
        self._held = {(it.subject, it.subject_id): it for it in fresh}
        news = []
        for key, it in self._held.items():
            was = before.get(key)
            if was is None or was.now != it.now or was.name != it.name:
                news.append(replace(it, id=cursor, was=was.now if was else ""))
        return news

    def remember(self, news: Iterable[Change]) -> None:
        """Keep them for those who come back; the oldest make room."""
        for change in news:
            if len(self._recent) == REMEMBERED:
                self.floor = max(self.floor, self._recent[0].id)
            self._recent.append(change)

    def since(self, cursor: int) -> list[Change] | None:
        """Return what is remembered above that cursor; None when that is not all there was."""
        if cursor < self.floor:
            return None
        return [change for change in self._recent if change.id > cursor]
