"""Reporters take turns: a storm of posts waits here, where it holds no connection others need."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg_pool import AsyncConnectionPool

from vedette.db.queries import Connection
from vedette.errors import Unavailable

AT_ONCE = 3
"""Reports of a server that are looked at together; what they write, they write one after the other."""

PATIENCE_S = 60.0
"""Longer than monitoring waits for an answer, which it does not read; it posts again after a minute."""


class Turns:
    """The queue of one server's reporters, first come, first served."""

    def __init__(
        self, pool: AsyncConnectionPool, *, at_once: int = AT_ONCE, patience_s: float = PATIENCE_S
    ) -> None:
        self._pool = pool
        self._free = asyncio.Semaphore(at_once)
        self._patience_s = patience_s

    @asynccontextmanager
    async def next(self) -> AsyncIterator[Connection]:
        """Lend a connection when it is one's turn; raises Unavailable when that is too far off."""
        try:
            async with asyncio.timeout(self._patience_s):
                await self._free.acquire()
        except TimeoutError:
            raise Unavailable("more is reported than this server can take in") from None
        try:
            async with self._pool.connection() as conn:
                yield conn
        finally:
            self._free.release()
