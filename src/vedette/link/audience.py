"""Who listens: filters, and one bounded queue a subscriber.

Subscribers with the same filter share a lane, and with it every serialised page. A subscriber
that does not keep up holds at most `BACKLOG` changes, or reports: superseded ones are dropped, and
when the rest is still too much, all of it, for a snapshot taken when the subscriber reads again. So
it costs a bounded amount of memory, delays nobody, and reads next the newest of every subject.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Generic, Protocol, TypeVar

from vedette.errors import VedetteError
from vedette.health.feed_reads import Change
from vedette.health.stream_reads import Report
from vedette.link import documents, frames

BACKLOG = 1_000
"""Changes, or reports, a subscriber may be behind by before superseded ones are dropped."""


class Keyed(Protocol):
    """Something told of a subject: a later one of the same key supersedes it."""

    @property
    def key(self) -> Hashable:
        """What it is told of."""


Item = TypeVar("Item", bound=Keyed)


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

    def takes_observer(self, target: str, component: str, cluster: str) -> bool:
        """Tell whether the subscriber wants reports of that target, in whatever state."""
        return (
            (not self.targets or target in self.targets)
            and (not self.components or component in self.components)
            and (not self.clusters or cluster in self.clusters)
        )

    def takes_report(self, report: Report) -> bool:
        """Tell whether the subscriber wants this report; states are of the report itself."""
        return (not self.states or report.state in self.states) and self.takes_observer(
            report.target, report.component, report.cluster
        )

    def holds(self, standing: Change) -> bool:
        """Tell whether it belongs into the subscriber's snapshot: what was does not count."""
        return self.takes(standing) and (not self.states or standing.now in self.states)


@dataclass(frozen=True)
class Moment(ABC, Generic[Item]):
    """What became known together, and where to resume after it.

    snapshot: what stands, and all of it. skipped: so many were left out before it, superseded. Each
    form is serialised when first sent, and shared by all who send it.
    """

    items: Sequence[Item]
    cursor: int
    snapshot: bool = False
    skipped: int = 0

    @cached_property
    @abstractmethod
    def frames(self) -> list[bytes]:
        """The moment as gRPC sends it."""

    @cached_property
    @abstractmethod
    def events(self) -> list[bytes]:
        """The moment as server-sent events."""

    @cached_property
    @abstractmethod
    def lines(self) -> list[bytes]:
        """The moment as JSON lines."""


@dataclass(frozen=True)
class Changed(Moment[Change]):
    """Changes of state."""

    @cached_property
    def frames(self) -> list[bytes]:
        """The moment as gRPC sends it."""
        return frames.pages(self.items, cursor=self.cursor, snapshot=self.snapshot)

    @cached_property
    def events(self) -> list[bytes]:
        """The moment as server-sent events."""
        return documents.events(self.items, cursor=self.cursor, snapshot=self.snapshot)

    @cached_property
    def lines(self) -> list[bytes]:
        """The moment as JSON lines."""
        return documents.lines(self.items, cursor=self.cursor, snapshot=self.snapshot)


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

    def taken(self, choice: Filter) -> list[Change]:
        """Return what that filter takes."""
        return [change for change in self._about(choice) if choice.takes(change)]

    def _about(self, choice: Filter) -> Sequence[Change]:
        # Thousands of lanes want one target each.
        if not choice.targets or len(choice.targets) > len(self.changes):
            return self.changes
        named = [change for name in choice.targets for change in self._of_target.get(name, ())]
        return sorted(named, key=lambda change: change.id)


class Lane(Generic[Item]):
    """Everybody with the same filter.

    standing: returns what stands now for that filter.
    """

    def __init__(self, choice: Filter, standing: Callable[[Filter], Moment[Item]]) -> None:
        self.choice = choice
        self.subscribers: set[Subscriber[Item]] = set()
        self._standing = standing
        self._snapshot: Moment[Item] | None = None

    def snapshot(self) -> Moment[Item]:
        """Return what stands now, the same until it changes."""
        if self._snapshot is None:
            self._snapshot = self._standing(self.choice)
        return self._snapshot

    def forget(self) -> None:
        """Serialise anew when asked next: what stands has changed."""
        self._snapshot = None

    def offer(self, moment: Moment[Item]) -> None:
        """Queue a moment for every subscriber; never waits."""
        for subscriber in self.subscribers:
            subscriber.offer(moment)


class Audience(Generic[Item]):
    """All lanes of one feed. standing: as a lane asks it."""

    def __init__(self, standing: Callable[[Filter], Moment[Item]]) -> None:
        self._standing = standing
        self._lanes: dict[Filter, Lane[Item]] = {}

    def __len__(self) -> int:
        return sum(len(lane.subscribers) for lane in self._lanes.values())

    def __iter__(self) -> Iterator[Lane[Item]]:
        return iter(self._lanes.values())

    @contextmanager
    def joined(self, choice: Filter, replay: Moment[Item] | None) -> Iterator["Subscriber[Item]"]:
        """Add a subscriber while the block lasts; without a replay it begins with a snapshot."""
        lane = self._lanes.get(choice)
        if lane is None:
            lane = self._lanes[choice] = Lane(choice, self._standing)
        subscriber = Subscriber(lane, replay)
        lane.subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            lane.subscribers.discard(subscriber)
            if not lane.subscribers and self._lanes.get(choice) is lane:
                del self._lanes[choice]


class Subscriber(Generic[Item]):
    """One reader of the feed.

    replay: what happened since its cursor; None when it is to begin with a snapshot.
    """

    def __init__(self, lane: Lane[Item], replay: Moment[Item] | None) -> None:
        self._lane = lane
        self._pending: deque[Moment[Item]] = deque([replay] if replay else [])
        self._backlog = len(replay.items) if replay else 0
        self._needs_snapshot = replay is None
        self._skipped = 0
        self._has_begun = replay is not None
        self._error: VedetteError | None = None
        self._woken = asyncio.Event()

    @property
    def backlog(self) -> int:
        """Changes, or reports, queued and not yet taken."""
        return self._backlog

    def offer(self, moment: Moment[Item]) -> None:
        """Queue a moment; never waits."""
        if self._needs_snapshot:
            # The snapshot will be of later; what comes before the first one is missed by nobody.
            if self._has_begun:
                self._skipped += len(moment.items) + moment.skipped
            return
        self._pending.append(moment)
        self._backlog += len(moment.items)
        if self._backlog > BACKLOG:
            self._drop_superseded()
        self._woken.set()

    def close(self, error: VedetteError) -> None:
        """End the stream with that error, whatever is still queued."""
        self._error = error
        self._woken.set()

    async def next(self) -> Moment[Item]:
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

    def _take(self) -> Moment[Item] | None:
        if self._needs_snapshot:
            # Taken and unmarked in one step of the loop: no change falls between.
            self._needs_snapshot, self._has_begun = False, True
            snapshot = self._lane.snapshot()
            if self._skipped:
                snapshot, self._skipped = replace(snapshot, skipped=self._skipped), 0
            return snapshot
        if not self._pending:
            return None
        moment = self._pending.popleft()
        self._backlog -= len(moment.items)
        return moment

    def _drop_superseded(self) -> None:
        last = self._pending[-1]
        newest = {item.key: item for moment in self._pending for item in moment.items}
        skipped = self._backlog + sum(moment.skipped for moment in self._pending)
        self._pending.clear()
        # Half, so that the next change does not bring us here again.
        if len(newest) > BACKLOG // 2:
            self._needs_snapshot = True
            self._backlog, self._skipped = 0, skipped
        else:
            self._backlog = len(newest)
            skipped -= self._backlog
            self._pending.append(
                replace(last, items=list(newest.values()), snapshot=False, skipped=skipped)
            )
