"""Who listens: filters, and one bounded queue a subscriber.

Subscribers with the same filter share a lane, and with it every serialised page. A subscriber
that does not keep up holds at most `BACKLOG` changes: superseded ones are dropped, and when the
rest is still too much, all of it, for a snapshot taken when the subscriber reads again. So it costs
a bounded amount of memory, delays nobody, and reads next the newest state of every subject.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from vedette.errors import VedetteError
from vedette.health.feed_reads import Change
from vedette.link import documents, frames

BACKLOG = 1_000
"""Changes a subscriber may be behind by before superseded ones are dropped."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What a subscriber wants: a set names alternatives, every set is a condition; empty = any.

    targets: targets of these names, no components. components: these slugs and their targets.
    clusters: targets of these clusters. states: subjects that are, or just were, in one of these.
    """

    targets: frozenset[str] = frozenset()
    components: frozenset[str] = frozenset()
    clusters: frozenset[str] = frozenset()
    states: frozenset[str] = frozenset()

    def takes(self, change: Change) -> bool:
        """Tell whether the subscriber wants to hear of it; leaving a wanted state is wanted too."""
        return (
            (not self.targets or (change.subject == "target" and change.name in self.targets))
            and (not self.components or change.component in self.components)
            and (not self.clusters or change.cluster in self.clusters)
            and (not self.states or change.now in self.states or change.was in self.states)
        )

    def holds(self, standing: Change) -> bool:
        """Tell whether it belongs into the subscriber's snapshot: what was does not count."""
        return self.takes(standing) and (not self.states or standing.now in self.states)


@dataclass(frozen=True)
class Moment:
    """Changes that became known together, and where to resume after them.

    snapshot: what stands, and all of it. Each form is serialised when first sent, and shared by all
    who send it.
    """

    changes: Sequence[Change]
    cursor: int
    snapshot: bool = False

    @cached_property
    def frames(self) -> list[bytes]:
        """The moment as gRPC sends it."""
        return frames.pages(self.changes, cursor=self.cursor, snapshot=self.snapshot)

    @cached_property
    def events(self) -> list[bytes]:
        """The moment as server-sent events."""
        return documents.events(self.changes, cursor=self.cursor, snapshot=self.snapshot)

    @cached_property
    def lines(self) -> list[bytes]:
        """The moment as JSON lines."""
        return documents.lines(self.changes, cursor=self.cursor, snapshot=self.snapshot)


@dataclass(frozen=True)
class News:
    """Everything that became known at one moment, for all lanes."""

    changes: Sequence[Change]
    cursor: int

    @cached_property
    def _of_target(self) -> dict[str, list[Change]]:
        found: dict[str, list[Change]] = {}
        for change in self.changes:
            if change.subject == "target":
                found.setdefault(change.name, []).append(change)
        return found

    def about(self, choice: Filter) -> Sequence[Change]:
        """Return what that filter may take: thousands of lanes want one target each."""
        if not choice.targets or len(choice.targets) > len(self.changes):
            return self.changes
        named = [change for name in choice.targets for change in self._of_target.get(name, ())]
        return sorted(named, key=lambda change: change.id)


class Lane:
    """Everybody with the same filter.

    standing: returns what stands now for that filter.
    """

    def __init__(self, choice: Filter, standing: Callable[[], Moment]) -> None:
        self.choice = choice
        self.subscribers: set[Subscriber] = set()
        self._standing = standing
        self._snapshot: Moment | None = None

    def snapshot(self) -> Moment:
        """Return what stands now, the same until it changes."""
        if self._snapshot is None:
            self._snapshot = self._standing()
        return self._snapshot

    def forget(self) -> None:
        """Serialise anew when asked next: what stands has changed."""
        self._snapshot = None

    def publish(self, news: News) -> None:
        """Queue for every subscriber what this filter takes of the news."""
        self.forget()
        taken = [change for change in news.about(self.choice) if self.choice.takes(change)]
        if taken:
            moment = Moment(taken, news.cursor)
            for subscriber in self.subscribers:
                subscriber.offer(moment)


class Subscriber:
    """One reader of the feed.

    replay: what happened since its cursor; None when it is to begin with a snapshot.
    """

    def __init__(self, lane: Lane, replay: Moment | None) -> None:
        self._lane = lane
        self._pending: deque[Moment] = deque([replay] if replay else [])
        self._backlog = len(replay.changes) if replay else 0
        self._needs_snapshot = replay is None
        self._error: VedetteError | None = None
        self._woken = asyncio.Event()

    @property
    def backlog(self) -> int:
        """Changes queued and not yet taken."""
        return self._backlog

    def offer(self, moment: Moment) -> None:
        """Queue a moment; never waits."""
        if self._needs_snapshot:
            return  # the snapshot will be of later
        self._pending.append(moment)
        self._backlog += len(moment.changes)
        if self._backlog > BACKLOG:
            self._drop_superseded()
        self._woken.set()

    def close(self, error: VedetteError) -> None:
        """End the stream with that error, whatever is still queued."""
        self._error = error
        self._woken.set()

    async def next(self) -> Moment:
        """Wait for the next moment and take it; raises the error it was closed with."""
        while True:
            if self._error:
                raise self._error
            if moment := self._take():
                return moment
            self._woken.clear()
            await self._woken.wait()

    async def frames(self) -> AsyncIterator[bytes]:
        """Yield frames until closed; raises the error it was closed with."""
        while True:
            for frame in (await self.next()).frames:
                if self._error:
                    raise self._error
                yield frame

    def _take(self) -> Moment | None:
        if self._needs_snapshot:
            # Taken and unmarked in one step of the loop: no change falls between.
            self._needs_snapshot = False
            return self._lane.snapshot()
        if not self._pending:
            return None
        moment = self._pending.popleft()
        self._backlog -= len(moment.changes)
        return moment

    def _drop_superseded(self) -> None:
        cursor = self._pending[-1].cursor
        newest = {
            (change.subject, change.subject_id): change
            for moment in self._pending
            for change in moment.changes
        }
        self._pending.clear()
        # Half, so that the next change does not bring us here again.
        if len(newest) > BACKLOG // 2:
            self._needs_snapshot = True
            self._backlog = 0
        else:
            self._pending.append(Moment(list(newest.values()), cursor))
            self._backlog = len(newest)
