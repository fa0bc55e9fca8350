"""Silence becomes unknown; our own pauses do not."""

from datetime import timedelta

from arrange import columns, delivery, rows, watched_target

from factories import at, make_component
from vedette.health import deadman, expect
from vedette.health.model import State
from vedette.health.record import record


async def state_of_component(conn):
    return (await rows(conn, "SELECT state::text, reason FROM health.component_state"))[0]


async def watched(conn, **target):
    """A component, seen up at 12:00:00 by a deadman that has run for long."""
    component = await make_component(conn, "Orders")
    target_id, agent = await watched_target(conn, at("11:59"), component_id=component, **target)
    await conn.execute(
        "INSERT INTO health.deadman (ran_at, up_since) VALUES (%s, %s)",
        (at("11:59:59"), at("10:00")),
    )
    sight = await expect.sight_of(conn, agent)
    await record(
        conn, [delivery(sight, 1, columns((target_id, at("12:00"), State.UP)))], now=at("12:00")
    )
    return target_id, sight


async def run_each_second(conn, start, seconds):
    for second in range(seconds):
        await deadman.run_once(conn, now=start + timedelta(seconds=second))


async def test_within_three_intervals_of_silence_a_target_is_unknown_not_down(conn):
    await watched(conn)
    await run_each_second(conn, at("12:00:00"), 25)
    assert (await state_of_component(conn))[0] == "up"
    await run_each_second(conn, at("12:00:25"), 5)
    assert await state_of_component(conn) == ("unknown", "orders-db: no report from local")


async def test_the_next_report_wakes_it_at_once(conn):
    target, sight = await watched(conn)
    await run_each_second(conn, at("12:00:00"), 31)
    await record(
        conn, [delivery(sight, 2, columns((target, at("12:00:35"), State.UP)))], now=at("12:00:35")
    )
    assert (await state_of_component(conn))[0] == "up"


async def test_what_was_seen_before_a_silence_is_not_how_it_is_after_it(conn):
    target, sight = await watched(conn)
    await run_each_second(conn, at("12:00:00"), 31)
    states = []
    looks = [State.DOWN] * 3
    for second, look in enumerate(looks, start=32):
        when = at(f"12:00:{second}")
        await record(conn, [delivery(sight, second, columns((target, when, look)))], now=when)
        states.append((await state_of_component(conn))[0])
    assert states == ["unknown", "unknown", "down"]
    await run_each_second(conn, at("12:00:35"), 31)
    assert (await state_of_component(conn))[0] == "unknown"
    when = at("12:01:30")
    await record(conn, [delivery(sight, 40, columns((target, when, State.UP)))], now=when)
    assert await state_of_component(conn) == ("up", "")
    assert sight.state_of(target) is State.UP


async def test_what_is_still_so_after_a_silence_is_so_at_once(conn):
    target, sight = await watched(conn, bad_after=1)
    down = columns((target, at("12:00:01"), State.DOWN))
    await record(conn, [delivery(sight, 2, down)], now=at("12:00:01"))
    await run_each_second(conn, at("12:00:02"), 31)
    again = columns((target, at("12:00:34"), State.DOWN), (target, at("12:00:35"), State.UP))
    await record(conn, [delivery(sight, 3, again)], now=at("12:00:35"))
    assert (await state_of_component(conn))[0] == "down"


async def test_a_pause_of_ours_is_not_silence_of_theirs(conn):
    await watched(conn)
    assert await deadman.run_once(conn, now=at("13:00:00")) == 0
    await run_each_second(conn, at("13:00:01"), 5)
    assert (await state_of_component(conn))[0] == "up"


async def test_who_stays_away_after_our_pause_is_silent_in_the_end(conn):
    await watched(conn)
    await run_each_second(conn, at("13:00:00"), 35)
    assert (await state_of_component(conn))[0] == "unknown"


async def test_an_agent_that_never_reports_is_silent_too(conn):
    component = await make_component(conn, "Orders")
    await watched_target(conn, at("12:00"), component_id=component)
    assert await state_of_component(conn) == ("unknown", "orders-db: no report yet")
    await run_each_second(conn, at("12:00:00"), 60)
    assert await state_of_component(conn) == ("unknown", "orders-db: no report from local")


async def test_a_slow_look_is_given_its_whole_timeout(conn):
    await watched(conn, every=timedelta(seconds=1), timeout=timedelta(seconds=1))
    await run_each_second(conn, at("12:00:00"), 3)
    assert (await state_of_component(conn))[0] == "up"


async def test_it_says_its_word_once(conn):
    await watched(conn)
    await run_each_second(conn, at("12:00:00"), 120)
    assert await rows(
        conn, "SELECT count(*) FROM health.transition WHERE now = 'unknown' AND was = 'up'"
    ) == [(2,)]
