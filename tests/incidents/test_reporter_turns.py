"""A storm of reporters waits in line: it neither takes every connection nor waits for ever."""

import asyncio

import pytest

from vedette.db.pool import open_pool
from vedette.errors import Unavailable
from vedette.incidents.turns import Turns


@pytest.fixture
async def pool(fresh_app_url):
    pool = await open_pool(fresh_app_url, max_size=4)
    yield pool
    await pool.close()


async def test_only_so_many_are_taken_together_and_all_come_to_it(pool):
    turns = Turns(pool, at_once=2)
    inside, most, done = 0, 0, 0

    async def one():
        nonlocal inside, most, done
        async with turns.next() as conn:
            inside += 1
            most = max(most, inside)
            await conn.execute("SELECT pg_sleep(0.001)")
            inside -= 1
            done += 1

    await asyncio.gather(*(one() for _ in range(50)))
    assert (most, done) == (2, 50)


async def test_who_waits_too_long_is_told_and_the_line_moves_on(pool):
    turns = Turns(pool, at_once=1, patience_s=0.05)
    async with turns.next():
        with pytest.raises(Unavailable, match="more is reported"):
            async with turns.next():
                pytest.fail("it was not its turn")
    async with turns.next() as conn:
        assert await (await conn.execute("SELECT 1")).fetchone() == (1,)


async def test_a_turn_that_fails_ends(pool):
    turns = Turns(pool, at_once=1, patience_s=5)
    with pytest.raises(ZeroDivisionError):
        async with turns.next():
            raise ZeroDivisionError
    async with turns.next():
        pass
