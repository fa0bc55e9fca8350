"""LISTEN on a connection of its own that survives restarts of the server."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import AsyncConnection, sql

from vedette.db.pool import connect
from vedette.errors import VedetteError

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
PROVE_ALIVE_EVERY_S = 30.0
"""A quiet connection is asked for a sign of life this often; NOTIFY alone would never tell."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification.

    channel: "" means "you may have missed something: look at the tables", sent after every connect.
    payload: what the sender wrote; meaning depends on the channel.
    """

    channel: str
    payload: str


async def listen(
    dsn: str, channels: Sequence[str], *, on_lost: Callable[[], None] | None = None
) -> AsyncIterator[Notice]:
    """Yield notifications for ever, reconnecting with growing pauses; stop it by closing it.

    On every connection, the first included, `Notice("", "")` comes first. `on_lost` is called
    whenever one ends: until the next notice, what was worked out from earlier ones may be stale.
    """
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            conn = await connect(dsn, name="vedette listen")
        except VedetteError:
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            continue
        try:
            async for notice in _notices(conn, channels):
                pause_s = FIRST_PAUSE_S
                yield notice
        except psycopg.OperationalError:
            if on_lost is not None:
                on_lost()
            await asyncio.sleep(pause_s)
        finally:
            await conn.close()


async def _notices(conn: AsyncConnection[Any], channels: Sequence[str]) -> AsyncIterator[Notice]:
    for channel in channels:
        await conn.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
    yield Notice("", "")
    while True:
        async for got in conn.notifies(timeout=PROVE_ALIVE_EVERY_S):
            yield Notice(got.channel, got.payload)
        await conn.execute("SELECT 1")
