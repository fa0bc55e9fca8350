"""Reads on behalf of clients: few at a time and never long, whoever asks for what."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
from psycopg_pool import AsyncConnectionPool

from vedette.db.queries import Connection
from vedette.errors import Unavailable

STATEMENT_MS = 20_000
AT_ONCE = 4
"""Queries under way: clients that read history leave the pool to everybody else."""


class BriefReads:
    """Lends connections of a pool, `AT_ONCE` of them at a time."""

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool
        self._turn = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection on which no statement takes long: reports have no index by target."""
        try:
            async with self._turn, self._pool.connection() as conn, conn.transaction():
                await conn.execute(f"SET LOCAL statement_timeout = {STATEMENT_MS}")
                yield conn
        except psycopg.errors.QueryCanceled:
            raise Unavailable(
                "this takes too long to look up", hint="ask for a shorter time, or a smaller limit"
            ) from None
