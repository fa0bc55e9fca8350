"""A connection for one page, which waits long neither for it nor for a PostgreSQL that falls silent."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from psycopg_pool import AsyncConnectionPool

from vedette.db.queries import Connection
from vedette.db.silence import answered_within

POOL_WAIT_S = 3.0
ANSWERED_WITHIN_S = 5.0
"""A page whose questions take longer says that we cannot see right now. Keepalives notice a peer that has vanished; of
one that is there and does not answer they know nothing."""


@asynccontextmanager
async def lent(pool: AsyncConnectionPool) -> AsyncIterator[Connection]:
    """Lend a connection; raises OperationalError within it when the time is over, and lets go of it."""
    async with pool.connection(POOL_WAIT_S) as conn:
        with answered_within(conn, ANSWERED_WITHIN_S):
            yield conn
