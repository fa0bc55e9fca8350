"""A pool lends connections, and what was broken off on one is over on the other side, too."""

import asyncio

import psycopg
import pytest

from vedette.db.pool import connect, open_pool
from vedette.db.silence import answered_within


async def test_what_was_broken_off_does_not_run_on_in_the_database(fresh_database_url):
    async with (
        await open_pool(fresh_database_url) as pool,
        await connect(fresh_database_url) as own,
    ):
        with pytest.raises(psycopg.OperationalError):
            async with pool.connection() as conn:
                with answered_within(conn, 0.1):
                    await conn.execute("SELECT pg_advisory_lock(7), pg_sleep(60)")
        async with asyncio.timeout(20):
            await own.execute("SELECT pg_advisory_lock(7)")
