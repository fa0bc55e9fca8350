"""LISTEN on a connection of its own that survives restarts of the server, and networks that fall silent."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import psycopg
from psycopg import AsyncConnection, sql

from vedette.db.pool import connect
from vedette.db.silence import answered_within
from vedette.errors import VedetteError

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
PROVE_ALIVE_EVERY_S = 30.0
"""A connection is asked for a sign of life this often; NOTIFY alone would never tell."""
NAME = "vedette listen"
"""What the connections of whoever listens are called: of a server there is always one."""
ANSWERED_WITHIN_S = 5.0
"""A connection that has not given it by then is broken off."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification.

    channel: "" means "you may have missed something: look at the tables", sent after every connect.
    payload: what the sender wrote; meaning depends on the channel.
    """

    channel: str
    payload: str


Proven = Callable[[float], None]
"""Told at which moment of the monotonic clock we asked: all notices of what was committed before it are here."""


async def listen(
    dsn: str,
    channels: Sequence[str],
    *,
    on_lost: Callable[[], None] | None = None,
    on_proof: Proven | None = None,
    prove_every_s: float = PROVE_ALIVE_EVERY_S,
) -> AsyncIterator[Notice]:
    """Yield notifications for ever, reconnecting with growing pauses; stop it by closing it.

    On every connection, the first included, `Notice("", "")` comes first. `on_lost` is called
    whenever one ends: until the next notice, what was worked out from earlier ones may be stale.
    `on_proof` is called whenever the connection gave a sign of life, asked for every `prove_every_s`.
    """
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            conn = await connect(dsn, name=NAME)
        except VedetteError:
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            continue
        try:
            async for notice in _notices(conn, channels, on_proof, prove_every_s):
                pause_s = FIRST_PAUSE_S
                yield notice
        except psycopg.OperationalError:
            if on_lost is not None:
                on_lost()
            await asyncio.sleep(pause_s)
        finally:
            await conn.close()


async def _notices(
    conn: AsyncConnection[Any],
    channels: Sequence[str],
    on_proof: Proven | None,
    prove_every_s: float,
) -> AsyncIterator[Notice]:
    with answered_within(conn, ANSWERED_WITHIN_S):
        for channel in channels:
            await conn.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
    await _prove(conn, on_proof)
    yield Notice("", "")
    while True:
        async for got in conn.notifies(timeout=prove_every_s):
            yield Notice(got.channel, got.payload)
        await _prove(conn, on_proof)


async def _prove(conn: AsyncConnection[Any], on_proof: Proven | None) -> None:
    """Ask something; what PostgreSQL notified of before its answer comes before it, too."""
    asked_at = monotonic()
    with answered_within(conn, ANSWERED_WITHIN_S):
        await conn.execute("SELECT 1")
    if on_proof is not None:
        on_proof(asked_at)
