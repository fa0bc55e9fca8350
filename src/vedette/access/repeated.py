"""A request that is sent twice is done once: answers kept for a day under `Idempotency-Key`."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from threading import BoundedSemaphore

from vedette.db.locks import lock_number
from vedette.db.queries import Connection, load
from vedette.errors import Conflict, Invalid, UnderWay

Q = load(__file__, "repeated.sql")

KEPT = timedelta(days=1)
KEY = re.compile(r"[!-~]{1,200}")
WAITING = 2
"""Requests of one process that may wait for one like them. Each holds a connection that others need, and a client that
repeats what takes long would take them all."""
_waiting = BoundedSemaphore(WAITING)  # of threads, too: large bodies are stored in their own


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer as it was given first."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that may come again. key: what the client calls it; digest: of all that makes it what it is."""

    actor: str
    key: str
    digest: bytes


def asked(actor: str, key: str, *content: bytes) -> Asked:
    """Return the request of this content; raises Invalid unless the key is one."""
    if not KEY.fullmatch(key):
        raise Invalid(
            "the Idempotency-Key is not one",
            hint="1 to 200 visible ASCII characters, as a UUID",
        )
    digest = blake2b(digest_size=32)
    for part in content:
        digest.update(part)
    return Asked(actor, key, digest.digest())


async def once(
    conn: Connection, asked: Asked | None, act: Callable[[], Awaitable[Kept]], *, now: datetime
) -> Kept:
    """Return what `act` answers, or what it answered when this was asked first within a day; None: act each time.

    One who asks again while the first is under way waits for its answer, unless `WAITING` do: that raises UnderWay.
    What fails is not kept, so it can be tried again. Raises Conflict when the key stood for something else.
    """
    if asked is None:
        return await act()
    async with conn.transaction():
        await _hold(conn, lock_number(f"vedette.access.repeated {asked.key} {asked.actor}"))
        row = await Q.one(conn, "kept", actor=asked.actor, key=asked.key, since=now - KEPT)
        if row is not None:
            if bytes(row[0]) != asked.digest:
                raise Conflict(
                    "this Idempotency-Key stood for another request", hint="take a new key"
                )
            return Kept(row[1], bytes(row[2]))
        kept = await act()
        await Q.run(
            conn,
            "keep",
            actor=asked.actor,
            key=asked.key,
            digest=asked.digest,
            status=kept.status,
            body=kept.body,
            now=now,
        )
    return kept


async def _hold(conn: Connection, number: int) -> None:
    """Hold the lock until the transaction ends; waits for it where not too many do."""
    if await Q.value(conn, "try_hold", number=number):
        return
    if not _waiting.acquire(blocking=False):
        raise UnderWay(
            "the first request with this Idempotency-Key is under way",
            hint="ask again in a moment: its answer is kept",
        )
    try:
        await Q.one(conn, "hold", number=number)
    finally:
        _waiting.release()


async def run_once(conn: Connection, *, now: datetime) -> None:
    """Forget the answers that are older than a day."""
    await Q.run(conn, "forget", before=now - KEPT)
