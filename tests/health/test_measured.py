"""A measurement over any time, at any step, as worked out plainly from the reports it was made of."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from arrange import rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factories import make_layout, make_target
from vedette.health import rollups

EVE = datetime(2026, 10, 30, 18, tzinfo=UTC)
"""Two days and a half from here lie in two months, and in four partitions of reports."""
HOURS = 60
ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def plainly(seen, since, until, step):
    """Entity and start of each step → how many, least, mean, greatest, last."""
    unit = next((unit for unit in (DAY, HOUR, MINUTE) if step >= unit), timedelta(seconds=1))
    step -= step % unit
    since, until = binned(since, step), binned(until - timedelta(microseconds=1), step) + step
    steps = defaultdict(list)
    for at, entity, value in sorted(seen):
        if since <= at < until:
            steps[binned(at, step), entity].append(value)
    return {
        key: (len(v), min(v), pytest.approx(sum(v) / len(v)), max(v), v[-1])
        for key, v in sorted(steps.items())
    }


def binned(at, step):
    return at - (at - ORIGIN) % step


async def kept(conn, target, layouts, seen):
    """Store those looks as reports; what belongs to an hour already rolled up comes late."""
    first, last = min(seen)[0], max(seen)[0]
    await conn.execute("SELECT health.make_partitions(%s, %s)", (first.date(), last.date()))
    await conn.cursor().executemany(
        "INSERT INTO health.report VALUES (%s, %s, 1, %s, 'NaN', 0, 0, %s)",
        [(at, target, layouts[entity], [0.0, value]) for at, entity, value in seen],
    )
    await conn.cursor().executemany(
        "INSERT INTO health.late_hour SELECT %(hour)s"
        " WHERE EXISTS (SELECT FROM health.rolled WHERE until > %(hour)s) ON CONFLICT DO NOTHING",
        [{"hour": binned(at, HOUR)} for at, *_ in seen],
    )


async def caught_up(conn, *, now):
    while await rollups.run_once(conn, now=now):
        pass


async def measured(conn, target, since, until, step, *, wide=True):
    found = await rows(
        conn,
        "SELECT at, entity, count, min, avg, max, last FROM health.measured(%s, 'load', %s, %s, %s, %s)",
        target, since, until, step, wide,
    )  # fmt: skip
    return {(at, entity): tuple(values) for at, entity, *values in found}


times = st.integers(0, HOURS * 3600 * 10 - 1).map(lambda n: EVE + timedelta(seconds=n / 10))
looks = st.lists(
    st.tuples(times, st.sampled_from(["", "disk:a"]), st.integers(-1000, 1000).map(float)),
    min_size=1,
    max_size=25,
    unique_by=lambda look: look[0],
)
steps = st.sampled_from(
    [timedelta(seconds=n) for n in (60, 90, 300, 3600, 5400, 7200, 86_400, 100_000, 7 * 86_400)]
)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    reported=looks,
    late=st.integers(0, 8),
    rolled=st.integers(0, HOURS),
    is_packed=st.booleans(),
    asked=st.lists(st.tuples(times, times, steps), min_size=4, max_size=8),
)
async def test_it_is_what_the_reports_say(conn, reported, late, rolled, is_packed, asked):
    async with conn.transaction(force_rollback=True):
        target = await make_target(conn, "orders-db")
        layouts = {
            entity: await make_layout(conn, ["other", "load"], entities=["", entity])
            for entity in ("", "disk:a")
        }
        now = EVE + rolled * HOUR + rollups.SETTLED
        for seen in filter(None, (reported[late:], reported[:late])):
            await kept(conn, target, layouts, seen)
            await caught_up(conn, now=now)
        if is_packed:
            keeping = rollups.Keeping(pack_after=timedelta())
            while await rollups.keep_house(conn, now=now, keeping=keeping):
                pass
        for one, other, step in asked:
            since, until = min(one, other), max(one, other) + timedelta(seconds=1)
            expected = plainly(reported, since, until, step)
            assert await measured(conn, target, since, until, step) == expected
            narrow = await measured(conn, target, since, until, step, wide=False)
            assert {key: (count, avg) for key, (count, _, avg, _, _) in narrow.items()} == {
                key: (count, avg) for key, (count, _, avg, _, _) in expected.items()
            }


async def a_day_of_reports(conn):
    """A report every other minute for a day and a half, all rolled up."""
    target = await make_target(conn, "orders-db")
    layouts = {"": await make_layout(conn, ["other", "load"])}
    seen = [(EVE + n * 2 * MINUTE, "", float(n % 11)) for n in range(36 * 30)]
    await kept(conn, target, layouts, seen)
    await caught_up(conn, now=EVE + 36 * HOUR)
    return target, seen


async def test_less_than_a_minute_is_answered_from_the_reports(conn):
    target, seen = await a_day_of_reports(conn)
    ten = timedelta(seconds=10)
    assert await measured(conn, target, EVE, EVE + HOUR, ten) == plainly(seen, EVE, EVE + HOUR, ten)


async def test_what_is_past_its_time_is_answered_by_the_next_coarser(conn):
    target, seen = await a_day_of_reports(conn)
    await conn.execute("DELETE FROM health.report")
    await conn.execute("DELETE FROM health.minutes WHERE starts_at < '2026-10-31 00:00+00'")
    found = await measured(conn, target, EVE, EVE + 7 * HOUR, MINUTE)
    midnight = EVE + 6 * HOUR
    assert found == {
        **plainly(seen, EVE, midnight, HOUR),
        **plainly(seen, midnight, EVE + 7 * HOUR, MINUTE),
    }
    await conn.execute("DELETE FROM health.hours")
    assert await measured(conn, target, EVE - 24 * HOUR, EVE + 6 * HOUR, HOUR) == plainly(
        seen, EVE - 24 * HOUR, midnight, DAY
    )


async def test_a_step_of_months_or_years_is_one_of_days(conn):
    target, seen = await a_day_of_reports(conn)
    for step in ("1 month", "1 year"):
        found = await measured(conn, target, EVE, EVE + DAY, step)
        assert sum(count for count, *_ in found.values()) == len(seen)


async def test_steps_below_a_second_and_backwards_are_a_second(conn):
    target, _ = await a_day_of_reports(conn)
    for step in ("10 milliseconds", "0", "-1 hour"):
        assert len(await measured(conn, target, EVE, EVE + 4 * MINUTE, step)) == 2


@pytest.mark.parametrize(
    ("since", "until", "share"),
    [
        ("-infinity", "infinity", 1),
        ("4713-01-01 BC", "294000-01-01", 1),
        ("2026-11-30", "2026-10-01", 0),
        (None, "infinity", 0),
    ],
)
async def test_no_time_is_too_odd(conn, since, until, share):
    target, seen = await a_day_of_reports(conn)
    found = await measured(conn, target, since, until, DAY)
    assert sum(count for count, *_ in found.values()) == share * len(seen)
