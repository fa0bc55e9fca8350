"""The live feed: transitions become frames for subscribers; one a server process.

It holds in memory what stands, so that a snapshot and the first change after it are cut at one
instant of one thread: no hole, no duplicate, and no query however many subscribe at once. What
stands is read with the transitions in one snapshot of the database; from then on each NOTIFY brings
the rows that are new (`progress` says why none is missed). A change of declarations or a lost
connection brings everything again, and the difference becomes changes.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Self

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from vedette.db.listen import listen
from vedette.db.queries import Connection
from vedette.health import feed_reads
from vedette.health.feed_reads import PAGE_ROWS, Change
from vedette.link.audience import Audience, Changed, Filter, News, Subscriber
from vedette.link.errors import TooMany
from vedette.link.parts import end
from vedette.link.progress import Progress
from vedette.link.standing import REMEMBERED, Standing

FRAME_EVERY_S = 0.1
"""Changes that come closer together share a frame."""

LEAST_PAUSE_S = 0.02

HOLES_EVERY_S = 0.25
"""So often holes are read again: who fills one notifies, who rolls back does not."""

EVERYTHING_EVERY_S = 300.0
"""So often what stands is compared with what we hold, whatever was or was not notified."""

REREAD_S = 1.0
"""Everything is read on request at most this often: typing errors must not keep us busy."""

RETRY_S = 1.0
MAX_SUBSCRIBERS = 5_000

log = structlog.get_logger(__name__)


class Feed:
    """`async with Feed(pool, dsn) as feed:` reads and publishes until it is left.

    pool: autocommit connections of the application's role; dsn: for the connection that LISTENs.
    parts: tasks that must not end before it is left; whoever opens it watches them.
    """

    def __init__(self, pool: AsyncConnectionPool, dsn: str) -> None:
        self._pool = pool
        self._dsn = dsn
        self._standing = Standing()
        self._progress: Progress | None = None
        self._audience = Audience(self._snapshot)
        self._names: dict[str, frozenset[str]] = {}
        self._read_at = 0.0
        self._everything_due = True
        self._news_due = asyncio.Event()
        self._reading = asyncio.Lock()
        self._rereading = asyncio.Lock()
        self.parts: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self.refresh()
        self.parts = [
            asyncio.create_task(self._listen(), name="feed notices"),
            asyncio.create_task(self._run(), name="feed"),
        ]
        return self

    async def __aexit__(self, *exc: object) -> None:
        await end(self.parts)

    @property
    def subscribers(self) -> int:
        """How many subscribe at this moment."""
        return len(self._audience)

    @property
    def cursor(self) -> int:
        """Where to resume after everything published so far."""
        return self._progress.mark if self._progress else 0

    def names(self, kind: str) -> frozenset[str]:
        """Return the names there are of `targets`, `components` (slugs) or `clusters`."""
        return self._names[kind]

    def standing(self, choice: Filter) -> list[Change]:
        """Return what stands now and that filter holds: components, then targets, by name."""
        held = [it for it in self._standing if choice.holds(it)]
        return sorted(held, key=lambda it: (it.subject, it.name))

    @asynccontextmanager
    async def subscriber(
        self, choice: Filter, *, cursor: int = 0
    ) -> AsyncIterator[Subscriber[Change]]:
        """Subscribe while the block lasts, from the cursor if it is remembered, else a snapshot."""
        if self.subscribers >= MAX_SUBSCRIBERS:
            raise TooMany("this server has as many subscribers as it takes", hint="ask another one")
        if self._progress and cursor > self._progress.high:
            await self.refresh(everything=False)  # another server has published more than we have
        with self._audience.joined(choice, self._replay(choice, cursor)) as subscriber:
            yield subscriber

    async def refresh(self, *, everything: bool = True) -> None:
        """Read now what is new, or all that stands, and publish the difference."""
        async with self._reading, self._pool.connection() as conn:
            began_at = _monotonic()
            if self._progress and self._progress.holes:
                self._progress.ask(await feed_reads.writers(conn))
            async with conn.transaction():
                await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                if self._progress is None:
                    await self._begin(conn)
                else:
                    await self._continue(conn, self._progress, everything=everything)
            if everything:
                self._read_at = began_at

    async def reread(self) -> None:
        """Read everything anew; when it returns, what is held is younger than the question."""
        asked_at = _monotonic()
        await asyncio.sleep(max(0.0, self._read_at + REREAD_S - asked_at))
        async with self._rereading:
            if self._read_at < asked_at:
                await self.refresh()

    async def _begin(self, conn: Connection) -> None:
        floor = await feed_reads.before_the_last(conn, REMEMBERED)
        progress = Progress(floor)
        recent = await _transitions(conn, progress)
        fresh = await feed_reads.standing(conn)
        progress.saw([change.id for change in recent])
        self._progress = progress
        self._standing.floor = floor
        self._standing.remember(change for change in recent if not change.retired)
        self._hold(fresh, progress)

    async def _continue(self, conn: Connection, progress: Progress, *, everything: bool) -> None:
        # Read all before believing any of it: a connection lost half way must lose no news.
        found = await _transitions(conn, progress)
        fresh = await feed_reads.standing(conn) if everything else None
        progress.saw([change.id for change in found])
        progress.settle()
        news = self._standing.take(found)
        if fresh is not None:
            news += self._hold(fresh, progress)
        self._publish(news)

    def _hold(self, fresh: list[Change], progress: Progress) -> list[Change]:
        self._names = {
            "targets": frozenset(it.name for it in fresh if it.subject == "target"),
            "components": frozenset(it.name for it in fresh if it.subject == "component"),
            "clusters": frozenset(it.cluster for it in fresh if it.cluster),
        }
        for lane in self._audience:
            lane.forget()
        return self._standing.replace(fresh, cursor=progress.high)

    def _publish(self, news: list[Change]) -> None:
        if news:
            self._standing.remember(news)
            told = News(news, self.cursor)
            for lane in self._audience:
                lane.forget()
                taken = told.taken(lane.choice)
                if taken:
                    lane.offer(Changed(taken, told.cursor))

    def _replay(self, choice: Filter, cursor: int) -> Changed | None:
        assert self._progress is not None
        if cursor == 0 or cursor > self._progress.high:
            return None
        since = self._standing.since(cursor)
        if since is None:
            return None
        return Changed([change for change in since if choice.takes(change)], self.cursor)

    def _snapshot(self, choice: Filter) -> Changed:
        return Changed(self.standing(choice), self.cursor, snapshot=True)

    async def _listen(self) -> None:
        async for notice in listen(self._dsn, ["vedette_transition", "vedette_fleet"]):
            if notice.channel == "" or notice.payload == "targets":
                self._everything_due = True
            self._news_due.set()

    async def _run(self) -> None:
        while True:
            await self._wait_for_news()
            overdue = _monotonic() - self._read_at >= EVERYTHING_EVERY_S
            everything = self._everything_due or overdue
            self._everything_due = False
            began_at = _monotonic()
            try:
                await self.refresh(everything=everything)
            except (psycopg.Error, PoolTimeout) as error:
                log.warning("the feed cannot read", error=str(error))
                self._everything_due = True
                self._news_due.set()
                await asyncio.sleep(RETRY_S)
            # From beginning to beginning: what reading takes is not waited for besides.
            due_at = began_at + FRAME_EVERY_S
            await asyncio.sleep(max(LEAST_PAUSE_S, due_at - _monotonic()))

    async def _wait_for_news(self) -> None:
        has_holes = self._progress is not None and self._progress.holes
        patience_s = HOLES_EVERY_S if has_holes else EVERYTHING_EVERY_S
        # Not `wait_for`: before Python 3.12 it loses a cancellation that comes with the news.
        with suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._news_due.wait()
        self._news_due.clear()


async def _transitions(conn: Connection, progress: Progress) -> list[Change]:
    """Return every change the reader who stands there has not seen, by id."""
    above = progress.high
    holes = [(hole.first, hole.last) for hole in progress.holes]
    found: list[Change] = []
    while True:
        page = await feed_reads.transitions(conn, above=above, holes=holes)
        found += page
        if len(page) < PAGE_ROWS:
            return found
        seen = page[-1].id
        above = max(above, seen)
        holes = [(max(first, seen + 1), last) for first, last in holes if last > seen]


def _monotonic() -> float:
    return asyncio.get_running_loop().time()
