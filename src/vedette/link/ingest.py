"""Many streams, one commit: frames wait here until the commit before is done, then go together.

The wait is the group commit: alone a frame is stored at once, under load a commit takes all that
arrived during the one before. Nothing is acknowledged before it is durable; when PostgreSQL is away
the frames wait, and the credits keep the agents from sending more.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import psycopg
import structlog
from psycopg import AsyncConnection

from vedette.errors import VedetteError
from vedette.health.columns import Columns
from vedette.health.record import Delivery, Lost, record
from vedette.health.sight import Sight

log = structlog.get_logger(__name__)

ROWS_A_COMMIT = 131_072
"""Reports one commit takes at the most: about 45 MB on the way to PostgreSQL. Each commit also writes the
latest report of every target in it, so under load larger ones are cheaper a report."""
RETRY_S = 0.5

Connect = Callable[[], AbstractAsyncContextManager[AsyncConnection]]


class Source(Protocol):
    """The stream a frame came from, as the ingest sees it."""

    is_refused: bool

    @property
    def epoch(self) -> int:
        """What it took when it was let in."""

    @property
    def sight(self) -> Sight:
        """What it may speak of, and what is held of it."""

    def stored(self, seq: int, frames: int) -> None:
        """Hear that everything up to `seq` is durable: `frames` more of them."""

    def refuse(self, reason: str, message: str, *, final: bool = False) -> None:
        """Hear that the stream must end."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A checked frame: a batch, or reports lost."""

    source: Source
    seq: int
    batch: Columns | None = None
    lost: Lost | None = None


@dataclass(slots=True)
class Counts:
    """What the ingest has done since the server started."""

    reports: int = 0
    samples: int = 0
    frames: int = 0
    commits: int = 0
    transitions: int = 0
    failures: int = 0
    lost_reports: int = 0
    commit_seconds: float = 0.0


@dataclass(slots=True)
class Ingest:
    """The one writer of a server: `put` frames, `run` for ever, `drained` before the end."""

    connect: Connect
    clock: Callable[[], datetime]
    counts: Counts = field(default_factory=Counts)
    pause: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held during each commit: who takes it knows that nothing changes behind its back."""
    _waiting: list[Arrived] = field(default_factory=list)
    _under_way: list[Arrived] = field(default_factory=list)
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def waiting(self) -> int:
        """Frames not yet durable."""
        return len(self._waiting) + len(self._under_way)

    def put(self, arrived: Arrived) -> None:
        """Queue a checked frame; the sender's credits, which its stream holds it to, bound how many there can be.

        A refused stream brings nothing more: a frame after one that was dropped would leave a hole
        that its sequence hides.
        """
        if arrived.source.is_refused:
            return
        self._waiting.append(arrived)
        self._idle.clear()
        self._woken.set()

    async def drained(self) -> None:
        """Wait until nothing waits."""
        while self.waiting:
            await self._idle.wait()

    async def run(self) -> None:
        """Commit what arrives until cancelled; a lost database is waited for."""
        while True:
            try:
                async with self.connect() as conn:
                    await self._commit_for_ever(conn)
            except (psycopg.OperationalError, psycopg.InterfaceError, VedetteError) as error:
                # A `VedetteError` is how `connect` says that there is no database yet.
                self.counts.failures += 1
                log.warning("the database does not answer; frames wait", error=str(error).strip())
                await asyncio.sleep(RETRY_S)

    async def _commit_for_ever(self, conn: AsyncConnection) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._waiting:
                async with self.pause:
                    self._under_way = self._take()
                    try:
                        await self._commit(conn, self._under_way)
                    finally:
                        self._under_way = []
            self._idle.set()

    def _take(self) -> list[Arrived]:
        rows = 0
        for number, arrived in enumerate(self._waiting):
            if arrived.batch is not None:
                # Eight values weigh about as much as a row.
                rows += len(arrived.batch) + len(arrived.batch.values) // 8
            if rows > ROWS_A_COMMIT and number:
                break
        else:
            number = len(self._waiting)
        taken, self._waiting = self._waiting[:number], self._waiting[number:]
        return taken

    async def _commit(self, conn: AsyncConnection, taken: Sequence[Arrived]) -> None:
        started = asyncio.get_running_loop().time()
        groups = _by_source(taken)
        try:
            stored = await record(conn, [delivery for _, delivery, _ in groups], now=self.clock())
        except (psycopg.OperationalError, psycopg.InterfaceError):
            self._disown(groups)
            raise
        except Exception:  # noqa: BLE001 - found out, one by one, in the next line
            await self._one_by_one(conn, groups)
            return
        self._count(taken, asyncio.get_running_loop().time() - started)
        self.counts.transitions += stored.transitions
        for source, delivery, frames in groups:
            if delivery.sight.agent_id in stored.superseded:
                self._refuse(source, "superseded", "a newer stream of this agent took over")
            else:
                source.stored(delivery.durable_seq, frames)

    def _disown(self, groups: "Sequence[_Group]") -> None:
        """End the streams of a commit whose fate is unknown: only the database can say if it was stored.

        The agents come back, read the durable sequence and send the rest again.
        """
        for source, _, _ in groups:
            self._refuse(
                source, "database_away", "the server's database does not answer; try again"
            )

    def _refuse(self, source: Source, reason: str, message: str) -> None:
        source.refuse(reason, message)
        self._waiting = [arrived for arrived in self._waiting if arrived.source is not source]

    async def _one_by_one(self, conn: AsyncConnection, groups: "Sequence[_Group]") -> None:
        """Store each stream's frames alone, so that one that cannot be stored harms nobody else."""
        for source, delivery, frames in groups:
            try:
                stored = await record(conn, [delivery], now=self.clock())
            except (psycopg.OperationalError, psycopg.InterfaceError):
                self._disown(groups)
                raise
            except Exception:
                self.counts.failures += 1
                log.exception(
                    "a stream's reports cannot be stored", agent_id=delivery.sight.agent_id
                )
                self._refuse(
                    source, "not_storable", "the server could not store these reports; see its log"
                )
                continue
            if stored.superseded:
                self._refuse(source, "superseded", "a newer stream of this agent took over")
            else:
                source.stored(delivery.durable_seq, frames)

    def _count(self, taken: Sequence[Arrived], seconds: float) -> None:
        self.counts.commits += 1
        self.counts.frames += len(taken)
        self.counts.commit_seconds += seconds
        for arrived in taken:
            if arrived.batch is not None:
                self.counts.reports += len(arrived.batch)
                self.counts.samples += len(arrived.batch.values)
            if arrived.lost is not None:
                self.counts.lost_reports += arrived.lost.reports


_Group = tuple[Source, Delivery, int]


def _by_source(taken: Sequence[Arrived]) -> list[_Group]:
    groups: dict[int, _Group] = {}
    for arrived in taken:
        source = arrived.source
        group = groups.get(id(source))
        if group is None:
            delivery = Delivery(sight=source.sight, epoch=source.epoch, durable_seq=0)
            group = (source, delivery, 0)
        delivery = group[1]
        delivery.durable_seq = arrived.seq
        if arrived.batch is not None:
            delivery.batches.append(arrived.batch)
        if arrived.lost is not None:
            delivery.lost.append(arrived.lost)
        groups[id(source)] = (source, delivery, group[2] + 1)
    return list(groups.values())
