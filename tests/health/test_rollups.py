"""Minutes, hours and days from reports; repacked days; what comes late."""

import asyncio
from datetime import timedelta

import pytest
from arrange import columns, delivery, rows, watched_target
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factories import at, make_layout, make_target, make_transition
from vedette.db.pool import connect
from vedette.health import expect, rollups
from vedette.health.keeping import Keeping
from vedette.health.model import State
from vedette.health.record import record

UP = State.UP
TENTH = at("00:00", day="2026-11-10")


async def reported(conn, values, *, start=TENTH, every_s=20, name="orders-db", seq=1):
    """One target reports these values of `load`, twice each as `twice`, and its `rtt`, every so many seconds."""
    target, agent = await watched_target(conn, start, name=name)
    layout = await make_layout(conn, ["load", "twice"])
    sight = await expect.sight_of(conn, agent)
    looks = [(target, start + timedelta(seconds=n * every_s), UP) for n in range(len(values))]
    batch = columns(*looks, layout=layout, values=[[value, 2 * value] for value in values])
    await record(conn, [delivery(sight, seq, batch)], now=looks[-1][1])
    return target


async def rolled(conn, *, until):
    """Let the loop catch up."""
    while await rollups.run_once(conn, now=until):
        pass


async def measured(conn, target, step, *, since=TENTH, until=None, name="load"):
    return await rows(
        conn,
        "SELECT at, count, min, avg, max, last FROM health.measured(%s, %s, %s, %s, %s::interval)",
        target, name, since, until or since + timedelta(days=2), step,
    )  # fmt: skip


async def test_a_minute_holds_least_mean_greatest_last_and_how_many(conn):
    target = await reported(conn, [1, 5, 3, 10, 20, 30])
    await rolled(conn, until=TENTH + timedelta(hours=2))
    assert await measured(conn, target, "1 minute") == [
        (TENTH, 3, 1, 3, 5, 3),
        (TENTH + timedelta(minutes=1), 3, 10, 20, 30, 30),
    ]
    assert (await measured(conn, target, "1 minute", name="twice"))[0][1:] == (3, 2, 6, 10, 6)


async def test_an_hour_is_rolled_up_once_it_has_settled(conn):
    await reported(conn, [1] * 10)
    assert await rollups.run_once(conn, now=TENTH + timedelta(minutes=64)) == 0
    assert await rollups.run_once(conn, now=TENTH + timedelta(minutes=66)) == 1
    assert await rollups.run_once(conn, now=TENTH + timedelta(minutes=67)) == 0


async def test_a_day_becomes_one_row_and_hours_and_a_day(conn):
    values = [float(n % 7) for n in range(24 * 60)]
    target = await reported(conn, values, every_s=60)
    await rolled(conn, until=TENTH + timedelta(days=1, hours=1))
    assert await rows(
        conn,
        "SELECT DISTINCT starts_at, cardinality(avgs) FROM health.minutes WHERE starts_at = %s",
        TENTH,
    ) == [(TENTH, 1440)]
    hours = await measured(conn, target, "1 hour", until=TENTH + timedelta(days=1))
    assert len(hours) == 24
    assert hours[3][1:4] == (60, 0, pytest.approx(sum(values[180:240]) / 60))
    assert await rows(
        conn,
        "SELECT \"count\", min, max, last FROM health.days d JOIN health.series s ON s.id = d.series_id WHERE s.measurement = 'load'",
    ) == [(1440, 0, 6, values[-1])]


async def test_a_range_runs_from_rolled_days_over_rolled_hours_into_fresh_reports(conn):
    values = [1.0] * (30 * 60)
    target = await reported(conn, values, every_s=60)
    await rolled(conn, until=TENTH + timedelta(hours=28))
    minutes = await measured(conn, target, "1 minute")
    assert [row[1] for row in minutes] == [1] * 1800
    assert [row[0] for row in minutes] == [TENTH + timedelta(minutes=n) for n in range(1800)]
    hours = await measured(conn, target, "1 hour")
    assert [(row[1], row[3]) for row in hours] == [(60, 1.0)] * 30


async def test_a_gap_stays_a_gap(conn):
    target = await reported(conn, [1.0, 2.0], every_s=7200)
    await rolled(conn, until=TENTH + timedelta(days=1, hours=1))
    assert [row[0] for row in await measured(conn, target, "1 minute")] == [
        TENTH,
        TENTH + timedelta(hours=2),
    ]


async def test_what_comes_late_is_rolled_up_too(conn):
    target = await reported(conn, [1.0] * 30, every_s=60)
    await rolled(conn, until=TENTH + timedelta(days=1, hours=1))
    agent = (await rows(conn, "SELECT id FROM fleet.agent"))[0][0]
    layout = (await rows(conn, "SELECT id FROM health.layout"))[0][0]
    sight = await expect.sight_of(conn, agent)
    late = columns((target, TENTH + timedelta(minutes=45), UP), layout=layout, values=[[9.0, 18.0]])
    await record(conn, [delivery(sight, 2, late)], now=TENTH + timedelta(days=1, hours=1))
    await rollups.run_once(conn, now=TENTH + timedelta(days=1, hours=1))
    assert (await measured(conn, target, "1 minute"))[-1][:4] == (
        TENTH + timedelta(minutes=45),
        1,
        9,
        9,
    )
    assert (await measured(conn, target, "1 hour"))[0][1] == 31


async def test_two_layouts_of_one_target_are_one_series(conn):
    target = await reported(conn, [1.0], every_s=20)
    agent = (await rows(conn, "SELECT id FROM fleet.agent"))[0][0]
    other = await make_layout(conn, ["load"])
    sight = await expect.sight_of(conn, agent)
    more = columns((target, TENTH + timedelta(seconds=30), UP), layout=other, values=[[3.0]])
    await record(conn, [delivery(sight, 2, more)], now=TENTH + timedelta(minutes=1))
    await rolled(conn, until=TENTH + timedelta(hours=2))
    assert (await measured(conn, target, "1 minute"))[0][1:] == (2, 1, 2, 3, 3)


async def test_a_look_that_bears_no_values_weighs_nothing_in_their_mean(conn):
    target = await reported(conn, [9.0] * 6, every_s=10)
    await conn.execute(
        "UPDATE health.report SET \"values\" = '{}' WHERE extract(second FROM at) > 20"
    )
    fresh = await measured(conn, target, "1 hour")
    assert fresh == [(TENTH, 3, 9, 9, 9, 9)]
    await rolled(conn, until=TENTH + timedelta(minutes=70))
    assert await measured(conn, target, "1 hour") == fresh


async def test_until_a_look_was_answered_is_kept_as_rtt(conn):
    target = await reported(conn, [1.0] * 90, every_s=60)
    await conn.execute(
        "UPDATE health.report SET rtt_s = CASE extract(minute FROM at) WHEN 7 THEN 'NaN'::real ELSE 0.25 END"
    )
    fresh = await measured(conn, target, "1 minute", name="rtt")
    await rolled(conn, until=TENTH + timedelta(minutes=70))
    assert await measured(conn, target, "1 minute", name="rtt") == fresh
    assert [row[1:] for row in fresh] == [(1, 0.25, 0.25, 0.25, 0.25)] * 88
    assert await rows(conn, "SELECT unit FROM health.series WHERE measurement = 'rtt'") == [
        ("seconds",)
    ]


async def test_what_a_target_itself_calls_rtt_goes_before_how_long_the_look_took(conn):
    target, agent = await watched_target(conn, TENTH)
    own = await make_layout(conn, ["rtt"])
    sight = await expect.sight_of(conn, agent)
    more = columns((target, TENTH + timedelta(seconds=30), UP), layout=own, values=[[3.0]])
    await record(conn, [delivery(sight, 1, more)], now=TENTH + timedelta(minutes=1))
    assert [r[1:] for r in await measured(conn, target, "1 minute", name="rtt")] == [
        (1, 3, 3, 3, 3)
    ]
    await rolled(conn, until=TENTH + timedelta(hours=2))
    assert [r[1:] for r in await measured(conn, target, "1 minute", name="rtt")] == [
        (1, 3, 3, 3, 3)
    ]


@pytest.mark.parametrize(
    ("entity", "answered"),
    [("peer", [("", 0, 0.0015), ("", 2, 0.0015), ("peer", 0, 3)]), ("", [("", 0, 3)])],
    ids=["of an entity", "of none"],
)
async def test_an_rtt_of_the_targets_own_is_the_same_before_and_after_it_is_rolled_up(
    conn, entity, answered
):
    """How long the look took stands beside those of entities, and never between those of none."""
    target, agent = await watched_target(conn, TENTH)
    own = await make_layout(conn, ["rtt"], entities=[entity])
    sight = await expect.sight_of(conn, agent)
    good = columns((target, TENTH + timedelta(seconds=30), UP), layout=own, values=[[3.0]])
    # One that was answered, and measured nothing.
    bare = columns((target, TENTH + timedelta(minutes=2), UP))
    for seq, each in enumerate((good, bare), 1):
        await record(conn, [delivery(sight, seq, each)], now=TENTH + timedelta(minutes=3))

    async def seen():
        found = await rows(
            conn,
            "SELECT entity, extract(minute FROM at)::integer, avg FROM health.measured(%s, 'rtt', %s, %s, '1 minute')",
            target, TENTH, TENTH + timedelta(hours=1),
        )  # fmt: skip
        return sorted((entity, minute, pytest.approx(avg)) for entity, minute, avg in found)

    assert await seen() == answered
    await rolled(conn, until=TENTH + timedelta(hours=2))
    assert await seen() == answered


async def test_the_time_in_each_state_is_noted_by_the_day(conn):
    target = await reported(conn, [1.0])
    await conn.execute("DELETE FROM health.transition")
    await make_transition(conn, "up", at=TENTH, target_id=target)
    await make_transition(conn, "down", was="up", at=TENTH + timedelta(hours=6), target_id=target)
    await rolled(conn, until=TENTH + timedelta(days=1, hours=1))
    assert await rows(conn, "SELECT seconds_up, seconds_down FROM health.target_day") == [
        (21600, 64800)
    ]


async def every_report(conn):
    return await rows(
        conn,
        'SELECT at, target_id, rtt_s::text, state, error_class_id, layout_id, "values" FROM health.reports_between(%s, %s) ORDER BY 1, 2',
        TENTH, TENTH + timedelta(days=1),
    )  # fmt: skip


async def test_a_packed_day_reads_as_it_did_and_its_partition_is_gone(conn):
    await reported(conn, [float(n) for n in range(300)], every_s=30)
    before = await every_report(conn)
    await rolled(conn, until=TENTH + timedelta(days=1, hours=1))
    assert await rollups.keep_house(conn, now=TENTH + timedelta(days=4)) == 1
    assert await rows(conn, "SELECT count(*) FROM health.report") == [(0,)]
    assert await every_report(conn) == before
    assert len(before) == 300


async def test_a_day_not_yet_rolled_up_is_not_packed(conn):
    await reported(conn, [1.0] * 3)
    assert await rollups.keep_house(conn, now=TENTH + timedelta(days=4)) == 0


async def test_late_reports_of_a_packed_day_are_packed_with_the_rest(conn):
    target = await reported(conn, [1.0, 2.0], every_s=600)
    await rolled(conn, until=TENTH + timedelta(days=1, hours=1))
    await rollups.keep_house(conn, now=TENTH + timedelta(days=4))
    agent = (await rows(conn, "SELECT id FROM fleet.agent"))[0][0]
    layout = (await rows(conn, "SELECT id FROM health.layout"))[0][0]
    sight = await expect.sight_of(conn, agent)
    late = columns((target, TENTH + timedelta(minutes=5), UP), layout=layout, values=[[9.0, 18.0]])
    await record(conn, [delivery(sight, 2, late)], now=TENTH + timedelta(days=4))
    await rolled(conn, until=TENTH + timedelta(days=4))
    while await rollups.keep_house(conn, now=TENTH + timedelta(days=5)):
        pass
    assert [row[6][0] for row in await every_report(conn)] == [1.0, 9.0, 2.0]
    assert await rows(conn, "SELECT sum(reports) FROM health.packed") == [(3,)]


async def test_what_is_past_its_time_goes(conn):
    await reported(conn, [1.0] * 3)
    await rolled(conn, until=TENTH + timedelta(days=1, hours=1))
    keeping = Keeping(
        reports=timedelta(days=10), minutes=timedelta(days=40), hours=timedelta(days=60)
    )
    for days, left in ((11, (0, 3, 3)), (90, (0, 0, 0))):
        await rollups.keep_house(conn, now=TENTH + timedelta(days=days), keeping=keeping)
        counts = "SELECT (SELECT count(*) FROM health.report), (SELECT count(*) FROM health.minutes), (SELECT count(*) FROM health.hours)"
        assert await rows(conn, counts) == [left]
    assert await rows(conn, "SELECT count(*) FROM health.days") == [(3,)]


async def test_days_go_only_where_their_time_is_set(conn):
    await reported(conn, [1.0] * 3)
    await rolled(conn, until=TENTH + timedelta(days=1, hours=1))
    counts = "SELECT (SELECT count(*) FROM health.days), (SELECT count(*) FROM health.target_day)"
    for length, left in (
        (None, (3, 1)),
        (timedelta(days=99), (3, 1)),
        (timedelta(days=98), (0, 0)),
    ):
        keeping = Keeping(days=length)
        await rollups.keep_house(conn, now=TENTH + timedelta(days=99), keeping=keeping)
        assert await rows(conn, counts) == [left]


async def test_what_comes_later_than_reports_are_kept_spoils_no_minutes(conn):
    target = await reported(conn, [1.0] * 30, every_s=60)
    await rolled(conn, until=TENTH + timedelta(days=1, hours=1))
    keeping = Keeping(pack_after=timedelta(days=1), reports=timedelta(days=2))
    now = TENTH + timedelta(days=4)
    await rollups.keep_house(conn, now=now, keeping=keeping)
    agent = (await rows(conn, "SELECT id FROM fleet.agent"))[0][0]
    layout = (await rows(conn, "SELECT id FROM health.layout"))[0][0]
    sight = await expect.sight_of(conn, agent)
    late = columns((target, TENTH + timedelta(minutes=45), UP), layout=layout, values=[[9.0, 18.0]])
    await record(conn, [delivery(sight, 2, late)], now=now)
    while await rollups.run_once(conn, now=now, keeping=keeping):
        pass
    assert len(await measured(conn, target, "1 minute")) == 30


async def test_dashboards_read_wide_ranges_from_the_roll_ups(conn):
    await reported(conn, [float(n) for n in range(120)], every_s=60)
    await rolled(conn, until=TENTH + timedelta(hours=3))
    found = await rows(
        conn,
        "SELECT time, metric, value FROM grafana.measurements('orders-db', 'load', %s, %s, '1 hour')",
        TENTH, TENTH + timedelta(hours=2),
    )  # fmt: skip
    assert found == [(TENTH, "load", 29.5), (TENTH + timedelta(hours=1), "load", 89.5)]


async def test_a_report_that_is_stored_while_its_day_is_packed_is_not_lost(fresh_app_url):
    async with await connect(fresh_app_url) as conn, await connect(fresh_app_url) as other:
        target = await reported(conn, [1.0] * 3)
        late = TENTH + timedelta(hours=1)
        async with other.transaction():
            await other.execute(
                "INSERT INTO health.report VALUES (%s, %s, 1, 0, 'NaN', 0, 0, '{}')", (late, target)
            )
            packing = asyncio.create_task(
                conn.execute("SELECT health.pack_day(%s)", (TENTH.date(),))
            )
            waits = "SELECT FROM pg_locks WHERE NOT granted AND pid = %s"
            while not await rows(other, waits, conn.info.backend_pid):  # noqa: ASYNC110 - a lock
                await asyncio.sleep(0.01)
        await packing
        assert len(await every_report(conn)) == 4
        await conn.execute("SELECT health.pack_day(%s)", (TENTH.date(),))
        assert len(await every_report(conn)) == 4
        assert await rows(conn, "SELECT sum(reports) FROM health.packed") == [(4,)]


async def test_a_report_that_is_stored_while_its_hour_is_rolled_up_is_in_it_soon(fresh_app_url):
    async with await connect(fresh_app_url) as conn, await connect(fresh_app_url) as other:
        target = await reported(conn, [1.0] * 3)
        agent = (await rows(conn, "SELECT id FROM fleet.agent"))[0][0]
        layout = (await rows(conn, "SELECT id FROM health.layout"))[0][0]
        late = columns(
            (target, TENTH + timedelta(minutes=45), UP), layout=layout, values=[[9.0, 18.0]]
        )
        now = TENTH + timedelta(minutes=66)
        async with other.transaction():
            sight = await expect.sight_of(other, agent)
            await record(other, [delivery(sight, 2, late)], now=now)
            assert await rollups.run_once(conn, now=now) == 1
        assert await rollups.run_once(conn, now=now) == 0
        assert len(await measured(conn, target, "1 minute")) == 2
        assert await rows(conn, "SELECT FROM health.late_hour") == []


async def test_more_samples_than_can_be_counted_hold_up_no_hour(conn):
    target = await reported(conn, [1.0])
    await conn.execute(
        """INSERT INTO health.report
        SELECT %s + n * interval '1 millisecond', %s, 1, (SELECT id FROM health.layout), 0.5, 0, 0, '{3,6}'
        FROM generate_series(1, 40000) AS n""",
        (TENTH, target),
    )
    await rolled(conn, until=TENTH + timedelta(hours=2))
    found = await measured(conn, target, "1 minute")
    assert found == [(TENTH, 32767, 1, pytest.approx(3, abs=1e-3), 3, 3)]


looks = st.lists(
    st.tuples(
        st.integers(0, 86_399_999_999),
        st.lists(st.floats(-1e9, 1e9, allow_nan=False), min_size=2, max_size=2),
    ),
    min_size=1,
    max_size=20,
    unique_by=lambda look: look[0],
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(looks)
async def test_packing_and_unpacking_lose_nothing(conn, seen):
    async with conn.transaction(force_rollback=True):
        target = await make_target(conn, "packed")
        layout = await make_layout(conn, ["load", "twice"])
        await conn.execute("SELECT health.make_partitions(%s, %s)", (TENTH.date(), TENTH.date()))
        for us, values in seen:
            await conn.execute(
                "INSERT INTO health.report VALUES (%s, %s, 1, %s, 'NaN', 5, 3, %s)",
                (TENTH + timedelta(microseconds=us), target, layout, values),
            )
        before = await every_report(conn)
        await conn.execute("SELECT health.pack_day(%s)", (TENTH.date(),))
        assert await every_report(conn) == before
