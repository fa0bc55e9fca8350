"""The stream of reports: what was committed is read once a tick for all subscribers; one a server process.

While anybody subscribes, it holds the latest report of every observer: the snapshot of a new
subscriber, and the place after which the next tick reads on. With no subscriber it holds and reads
nothing. What a tick reads is bounded: of an observer with more reports than its share, the newest.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from vedette.db.queries import Connection
from vedette.errors import Unavailable
from vedette.health import feed_reads, stream_reads
from vedette.health.feed_reads import Layout
from vedette.health.stream_reads import Observer, Report, Stretch
from vedette.link.audience import BACKLOG, Audience, Filter, Subscriber
from vedette.link.errors import TooMany
from vedette.link.feed import Feed
from vedette.link.frames import EPOCH, microseconds
from vedette.link.parts import end
from vedette.link.report_pages import Reported

TICK_S = 0.25
ROWS_A_TICK = 10_000
"""Reports read at a time; of more, the superseded ones are skipped and counted."""

RESUME_WITHIN = timedelta(minutes=10)
"""A cursor older than this begins with a snapshot."""

ACTIVE_S = 60.0
"""Who was heard within this time holds the cursor back to its own last report."""

RETRY_S = 1.0
MAX_SUBSCRIBERS = 1_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Held:
    report: Report
    heard_at: float


class ReportFeed:
    """`async with ReportFeed(pool, feed) as reports:` reads and publishes until it is left.

    pool: autocommit connections of the application's role; feed: knows which targets there are.
    parts: tasks that must not end before it is left; whoever opens it watches them.
    """

    def __init__(self, pool: AsyncConnectionPool, feed: Feed) -> None:
        self._pool = pool
        self._feed = feed
        self._audience: Audience[Report] = Audience(self._snapshot)
        self._held: dict[Observer, _Held] = {}
        self._layouts: dict[int, Layout] = {}
        self._horizon = ""
        self._read_at = 0.0
        self._reading = asyncio.Lock()
        self._wanted = asyncio.Event()
        self.parts: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self.parts = [asyncio.create_task(self._run(), name="feed of reports")]
        return self

    async def __aexit__(self, *exc: object) -> None:
        await end(self.parts)

    @property
    def subscribers(self) -> int:
        """How many subscribe at this moment."""
        return len(self._audience)

    @asynccontextmanager
    async def subscriber(
        self, choice: Filter, *, cursor: int = 0
    ) -> AsyncIterator[Subscriber[Report]]:
        """Subscribe while the block lasts, from the cursor if it is young enough, else a snapshot."""
        if self.subscribers >= MAX_SUBSCRIBERS:
            raise TooMany(
                "this server has as many subscribers to reports as it takes", hint="ask another one"
            )
        with ExitStack() as stack:
            try:
                async with self._reading:
                    if not self._horizon or _monotonic() - self._read_at >= TICK_S:
                        await self._tick()
                    replay = await self._replay(choice, cursor)
                    # Before the next tick, and after the one the replay was made from.
                    subscriber = stack.enter_context(self._audience.joined(choice, replay))
            except (psycopg.Error, PoolTimeout) as error:
                log.warning("the stream of reports cannot read", error=str(error))
                raise Unavailable("the server's database does not answer") from None
            self._wanted.set()
            yield subscriber

    async def refresh(self) -> None:
        """Read now what is new, and publish it."""
        async with self._reading:
            await self._tick()

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            began_at = _monotonic()
            try:
                async with self._reading:
                    if self.subscribers:
                        await self._tick()
                    else:
                        self._forget()
            except (psycopg.Error, PoolTimeout) as error:
                log.warning("the stream of reports cannot read", error=str(error))
                await asyncio.sleep(RETRY_S)
            # Half of the time at the most: whoever subscribes must not keep the others busy.
            await asyncio.sleep(max(TICK_S, _monotonic() - began_at))

    def _forget(self) -> None:
        self._wanted.clear()
        self._held.clear()
        self._layouts.clear()
        self._horizon = ""

    async def _tick(self) -> None:
        """Read what was committed since the last tick, and publish it; nothing held: only read."""
        async with self._pool.connection() as conn, conn.transaction():
            await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            horizon = await stream_reads.horizon(conn)
            heard = await stream_reads.heard(conn, since=self._horizon)
            # One whose clock was set back begins anew, from its latest.
            begun = [it for it in heard if self._place_of(it) is None]
            stretches = [
                Stretch(since.report.at, it)
                for it in heard
                if (since := self._place_of(it)) is not None and since.report.at < it.at
            ]
            wanted = [it for it in stretches if self._is_wanted(it.last)]
            found, skipped = await _read(conn, wanted, rows=ROWS_A_TICK)
            found += [it for it in begun if self._horizon and self._is_wanted(it)]
            await self._learn(conn, [*heard, *found])
        now = _monotonic()
        for it in [*begun, *(stretch.last for stretch in stretches)]:
            self._held[it.key] = _Held(it, now)
        self._horizon, self._read_at = horizon, now
        if heard:
            self._publish(found, skipped)

    def _place_of(self, report: Report) -> _Held | None:
        held = self._held.get(report.key)
        return held if held is not None and held.report.at <= report.at else None

    def _is_wanted(self, report: Report) -> bool:
        # Of states nothing is known before they are read.
        return any(
            lane.choice.takes_observer(report.target, report.component, report.cluster)
            for lane in self._audience
        )

    async def _learn(self, conn: Connection, reports: Iterable[Report]) -> None:
        unknown = {it.layout_id for it in reports} - self._layouts.keys() - {0}
        if unknown:
            self._layouts |= await feed_reads.layouts(conn, sorted(unknown))

    def _publish(self, found: list[Report], skipped: dict[Observer, int]) -> None:
        cursor = self._cursor()
        for lane in self._audience:
            lane.forget()
            left_out = self._left_out(lane.choice, skipped)
            taken = [report for report in found if lane.choice.takes_report(report)]
            if taken or left_out:
                lane.offer(Reported(taken, cursor, skipped=left_out, layouts=self._layouts))

    def _left_out(self, choice: Filter, skipped: dict[Observer, int]) -> int:
        return sum(
            count
            for key, count in skipped.items()
            if choice.takes_observer(
                (last := self._held[key].report).target, last.component, last.cluster
            )
        )

    def _cursor(self) -> int:
        """Return the time up to which everyone heard lately has been told, in µs."""
        if not self._held:
            return 0
        newest = max(it.report.at for it in self._held.values())
        recent = _monotonic() - ACTIVE_S
        active = (it.report.at for it in self._held.values() if it.heard_at >= recent)
        # Who delivers what it had spooled is behind all others: it would hold them back too far.
        told = min((at for at in active if at >= newest - RESUME_WITHIN), default=newest)
        return microseconds(told)

    async def _replay(self, choice: Filter, cursor: int) -> Reported | None:
        if not self._held or not 0 < cursor <= microseconds(
            newest := max(it.report.at for it in self._held.values())
        ):
            return None
        since = EPOCH + timedelta(microseconds=cursor)
        if since < newest - RESUME_WITHIN:
            return None
        missed = [
            Stretch(since, it.report)
            for it in self._held.values()
            if it.report.at > since
            and choice.takes_observer(it.report.target, it.report.component, it.report.cluster)
        ]
        if len(missed) > BACKLOG:
            return None
        async with self._pool.connection() as conn:
            found, skipped = await _read(conn, missed, rows=BACKLOG)
            await self._learn(conn, found)
        return Reported(
            [it for it in found if choice.takes_report(it)],
            self._cursor(),
            skipped=sum(skipped.values()),
            layouts=self._layouts,
        )

    def _snapshot(self, choice: Filter) -> Reported:
        living = self._feed.names("targets")
        held = [
            it.report
            for it in self._held.values()
            if it.report.target in living and choice.takes_report(it.report)
        ]
        held.sort(key=lambda it: (it.target, it.agent))
        return Reported(held, self._cursor(), snapshot=True, layouts=self._layouts)


async def _read(
    conn: Connection, stretches: list[Stretch], *, rows: int
) -> tuple[list[Report], dict[Observer, int]]:
    """Return about so many reports of the stretches, a fair share of each, and what was left out."""
    if not stretches:
        return [], {}
    return await stream_reads.kept(conn, stretches, most=max(1, rows // len(stretches)))


def _monotonic() -> float:
    return asyncio.get_running_loop().time()
