from datetime import UTC, datetime, timedelta

import pytest

from vedette.app.loops import Loop, Pulse, keep, turn
from vedette.db.pool import open_pool

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def well(conn, *, now):
    await conn.execute("SELECT 1")


async def ill(conn, *, now):
    raise ValueError("no good")


@pytest.fixture
async def pool(database_url):
    opened = await open_pool(database_url)
    yield opened
    await opened.close()


async def test_a_turn_that_goes_well_is_counted(pool):
    pulse = Pulse(Loop("x", timedelta(seconds=1), well), NOON)
    await turn(pool, pulse)
    assert (pulse.runs, pulse.failures, pulse.last_error) == (1, 0, "")
    assert pulse.last_success_at is not None


async def test_a_turn_that_fails_ends_nothing_and_says_why(pool):
    pulse = Pulse(Loop("x", timedelta(seconds=1), ill), NOON)
    await turn(pool, pulse)
    await turn(pool, pulse)
    assert (pulse.runs, pulse.failures, pulse.last_error) == (2, 2, "ValueError: no good")


def test_a_loop_is_believed_for_ten_turns_and_at_least_a_minute():
    fast = Pulse(Loop("x", timedelta(seconds=1), well), NOON)
    assert fast.is_alive(NOON + timedelta(seconds=60))
    assert not fast.is_alive(NOON + timedelta(seconds=61))
    slow = Pulse(Loop("x", timedelta(hours=1), well), NOON)
    assert slow.is_alive(NOON + timedelta(hours=10))
    slow.last_success_at = NOON + timedelta(hours=9)
    assert slow.is_alive(NOON + timedelta(hours=19))


async def test_how_loops_fare_is_kept_once_a_server_and_name(conn):
    pulse = Pulse(Loop("x", timedelta(seconds=1), well), NOON, runs=3, last_error="E" * 9999)
    await keep(conn, "here:1", [pulse])
    pulse.runs = 4
    await keep(conn, "here:1", [pulse])
    found = await conn.execute(
        "SELECT runs, length(last_error) FROM health.loop WHERE server = 'here:1'"
    )
    assert await found.fetchall() == [(4, 500)]
