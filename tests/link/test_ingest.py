"""The ingest outlives a database that is away, also one that is away when it is first asked."""

import asyncio
from contextlib import asynccontextmanager

import psycopg
import pytest
from agents_world import now

from vedette.errors import Unavailable
from vedette.link.ingest import Ingest


@pytest.mark.parametrize(
    "fault",
    [Unavailable("the database system is starting up"), psycopg.OperationalError("gone")],
    ids=["starting", "gone"],
)
async def test_a_database_that_does_not_answer_is_asked_again(fault):
    asked = 0

    @asynccontextmanager
    async def connect():
        nonlocal asked
        asked += 1
        raise fault
        yield

    ingest = Ingest(connect=connect, clock=now)
    running = asyncio.create_task(ingest.run())
    async with asyncio.timeout(10):
        while asked < 2 and not running.done():  # noqa: ASYNC110 - the loop has no bell to ring
            await asyncio.sleep(0.05)
    assert not running.done()
    running.cancel()
    assert ingest.counts.failures >= 1
