"""Records are handed in: bounded in memory and in connections, read apart from the event loop.

A body waits here for its turn, never in the pool: merging goes one at a time anyway, and those who wait for it
must not hold the connections that everybody else needs. Too much at once is refused, and may come again.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from vedette.access.audit import write_audit
from vedette.access.repeated import Asked as Repeated
from vedette.access.repeated import Kept, once
from vedette.db.queries import Connection
from vedette.errors import Invalid, Unavailable
from vedette.records.documents import GZIP, ZSTD
from vedette.records.intake_read import Asked, Read, collector_at_rest, read_body
from vedette.records.looks import UnreadError
from vedette.records.options import RecordOptions
from vedette.records.outcome import LINES, Found, Outcome
from vedette.records.repeated import body_key, is_large, recall, remember
from vedette.records.snapshots import apply_within, close_within, fill
from vedette.records.store import Batch

T = TypeVar("T")

LARGE = 4 << 20
"""Bytes of a body that is read and stored while no other such is."""
SMALL = 64 << 10
"""A body so small is read and stored in the event loop: going to a thread costs more."""
AT_ONCE = 4
"""Connections of the pool that records may use at once."""
WAITING = 2_000
"""Bodies that may wait on this server."""


@dataclass(slots=True)
class Counts:
    """Since the server started: bodies taken, refused and turned away, and nouns read of them."""

    taken: int = 0
    refused: int = 0
    turned_away: int = 0
    records: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """How what became of a body is told; asked: what makes the request the same as another, None: nothing does."""

    told: Callable[[Read, Outcome], Kept]
    asked: Repeated | None


@dataclass(slots=True)
class RecordIntake:
    """What one server takes in."""

    pool: AsyncConnectionPool
    options: RecordOptions = field(default_factory=RecordOptions)
    counts: Counts = field(default_factory=Counts)
    held: int = 0
    waiting: int = 0
    _large: asyncio.Lock = field(default_factory=asyncio.Lock)
    _threads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    _connections: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection, when it is one's turn."""
        async with self._connections, self.pool.connection() as conn:
            yield conn

    async def apply(
        self, body: bytes, asked: Asked, *, by: str, now: datetime, complete: bool, answer: Answer
    ) -> Kept:
        """Store a body as `apply_read` does, without reading it where it came before and is still what is held."""
        key = await self._key(body, asked)
        how = {"by": by, "now": now, "complete": complete}
        if key:
            async with self.connection() as conn:
                known = await recall(conn, key, now=now)
            if known:
                with suppress(UnreadError):
                    kept = await self._apply(body, known, asked, answer, **how)
                    self._count(known)
                    return kept
        read = await self.read(body, asked, now=now)
        return await self._apply(body, read, asked, answer, **how, key=key)

    async def _key(self, body: bytes, asked: Asked) -> bytes:
        """Return by what a large body is known when it comes again; nothing for others."""
        if not is_large(body):
            return b""
        return await asyncio.to_thread(body_key, body, asked, max_bytes=self.options.max_body)

    async def _apply(
        self,
        body: bytes,
        read: Read,
        asked: Asked,
        answer: Answer,
        **how: Any,  # noqa: ANN401
    ) -> Kept:
        if not read.records:
            return answer.told(read, Outcome())

        async def work(conn: Connection) -> Kept:
            async def act() -> Kept:
                return answer.told(read, await apply_read(conn, read, asked, **how))

            return await once(conn, answer.asked, act, now=how["now"])

        return await self.store(body, work)

    async def store(self, body: bytes, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Do this with a connection, for what a body said: for more than a small one apart from the event loop."""
        if _is_small(body):
            async with self.connection() as conn:
                return await work(conn)
        return await self.store_apart(work, at_rest=len(body) >= LARGE)

    async def store_apart(
        self, work: Callable[[Connection], Awaitable[T]], *, at_rest: bool = False
    ) -> T:
        """Do this in a thread of its own, with a connection of its own: merging a hundred thousand takes seconds.

        at_rest: the collector of cycles rests meanwhile; the caller has the turn of large bodies.
        """

        async def alone() -> T:
            async with await AsyncConnection.connect(**self._connection) as conn:
                return await work(conn)

        def run() -> T:
            with collector_at_rest() if at_rest else nullcontext():
                return asyncio.run(alone())

        async with self._connections:
            return await asyncio.to_thread(run)

    @property
    def _connection(self) -> dict[str, Any]:
        """How the pool connects."""
        said = self.pool.kwargs
        return dict(said) if isinstance(said, dict) else {}

    @asynccontextmanager
    async def received(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Hold a body until it is stored; raises Invalid for one too large, Unavailable where too much is held."""
        if self.waiting >= WAITING:
            self.counts.turned_away += 1
            raise Unavailable("more is handed in than this server can take", hint="try again")
        self.waiting += 1
        own = 0
        parts: list[bytes] = []
        try:
            async for chunk in chunks:
                own += len(chunk)
                self.held += len(chunk)
                self._refuse_too_much(own)
                parts.append(chunk)
            yield b"".join(parts)
        finally:
            self.held -= own
            self.waiting -= 1

    def _refuse_too_much(self, own: int) -> None:
        most = self.options.max_body
        if own > most:
            raise Invalid(
                f"the body is larger than {most >> 20} MiB",
                hint="`records.max_body` in the server's settings says how much it takes",
            )
        if self.held > 2 * most:
            self.counts.turned_away += 1
            raise Unavailable("too many large bodies come at once", hint="try again in a moment")

    @asynccontextmanager
    async def turn(self, body: bytes) -> AsyncIterator[None]:
        """Wait until this body may be read: of large ones there is one at a time, from reading to storing."""
        if len(body) < LARGE:
            yield
            return
        async with self._large:
            yield

    async def read(self, body: bytes, asked: Asked, *, now: datetime) -> Read:
        """Return what a body says; raises Invalid or Missing."""
        try:
            read = await self._read(body, asked, now=now)
        except Exception:
            self.counts.refused += 1
            raise
        self._count(read)
        return read

    def _count(self, read: Read) -> None:
        self.counts.taken += 1
        self.counts.records += read.records

    async def _read(self, body: bytes, asked: Asked, *, now: datetime) -> Read:
        most = self.options.max_body
        if _is_small(body):
            return read_body(body, asked, now=now, max_bytes=most)

        def work() -> Read:
            if len(body) < LARGE:
                return read_body(body, asked, now=now, max_bytes=most)
            with collector_at_rest():
                return read_body(body, asked, now=now, max_bytes=most)

        async with self._threads:
            return await asyncio.to_thread(work)


def _is_small(body: bytes) -> bool:
    return len(body) < SMALL and not body.startswith((GZIP, ZSTD))


async def apply_read(
    conn: Connection,
    read: Read,
    asked: Asked,
    *,
    by: str,
    now: datetime,
    complete: bool,
    key: bytes = b"",
) -> Outcome:
    """Store what was read at once, all of it or nothing, with a line in the audit log; return what it changed.

    key: by which the body is known when it comes again, or nothing. Raises UnreadError where what was recalled is no longer
    what is held.
    """
    total = Outcome()
    found: dict[str, Found] = {}
    async with conn.transaction():
        for kind, batches in read.parts.items():
            if batches:
                outcome = await apply_within(conn, kind, batches, by=by, now=now, complete=complete)
                _add(total, outcome)
                found[kind] = outcome.found
        if key:
            await remember(conn, key, read, found, now=now)
        if read.records:
            kinds = ",".join(sorted(read.parts))
            await note(conn, "records.apply", kinds, total, by=by, cluster=asked.cluster)
    return total


def _add(total: Outcome, part: Outcome) -> None:
    total.created = (total.created + part.created)[:LINES]
    for what, number in part.totals.items():
        total.totals[what] = total.totals.get(what, 0) + number
    total.count(part.opened, part.closed, part.changed)
    total.unchanged += part.unchanged
    total.older += part.older


async def fill_read(conn: Connection, token: UUID, kind: str, read: Read) -> None:
    """Keep what was read until the snapshot is closed; raises as `fill` does, Invalid for another kind."""
    if others := set(read.parts) - {kind}:
        raise Invalid(f"this snapshot is of {kind}, the body of {', '.join(sorted(others))}")
    batches = read.parts.get(kind) or [Batch(())]
    if len(batches) == 1:
        await _fill(conn, token, kind, batches[0])
        return
    async with conn.transaction():
        for batch in batches:
            await _fill(conn, token, kind, batch)


async def _fill(conn: Connection, token: UUID, kind: str, batch: Batch) -> None:
    await fill(conn, token, kind, batch.records, cluster=batch.cluster, document=batch.document)


async def close_and_note(
    conn: Connection, token: UUID, kind: str, *, by: str, now: datetime, own_times: bool = True
) -> Outcome:
    """Close a snapshot as `snapshots.close_snapshot` does, with a line in the audit log."""
    async with conn.transaction():
        outcome = await close_within(conn, token, kind, now=now, own_times=own_times)
        await note(conn, "records.close", kind, outcome, by=by)
    return outcome


async def note(
    conn: Connection, action: str, kind: str, outcome: Outcome, *, by: str, cluster: str = ""
) -> None:
    """Write into the audit log who handed in what, and what came of it."""
    await write_audit(
        conn,
        actor=by,
        action=action,
        object=f"records:{kind}",
        detail={
            "cluster": cluster,
            "opened": outcome.opened,
            "closed": outcome.closed,
            "changed": outcome.changed,
            "unchanged": outcome.unchanged,
        },
    )
