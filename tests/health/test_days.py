"""Partitions by day, and the seconds of each state of each day."""

from arrange import rows

from factories import at, make_component, make_transition
from vedette.health import days, partitions


async def partition_names(conn):
    found = await rows(conn, "SELECT name FROM health.days_of_reports() ORDER BY name")
    return [name for (name,) in found]


async def test_days_are_made_ahead_and_indexed_when_over(conn):
    await partitions.run_once(conn, now=at("12:00"))
    assert await partition_names(conn) == ["report_20261121", "report_20261122", "report_20261123"]
    await partitions.run_once(conn, now=at("12:00", day="2026-11-22"))
    indexed = "SELECT to_regclass('health.' || name || '_target') IS NOT NULL FROM health.days_of_reports() ORDER BY name"
    assert await rows(conn, indexed) == [(True,), (False,), (False,), (False,)]


async def test_repeating_it_changes_nothing(conn):
    await partitions.run_once(conn, now=at("12:00"))
    assert await partitions.run_once(conn, now=at("12:00")) == 0


async def test_a_day_is_shared_out_among_its_states(conn):
    component = await make_component(conn, "Orders")
    await make_transition(conn, "up", at=at("00:00", day="2026-11-18"), component_id=component)
    await make_transition(
        conn, "down", was="up", at=at("06:00", day="2026-11-20"), component_id=component
    )
    await make_transition(
        conn, "up", was="down", at=at("09:00", day="2026-11-20"), component_id=component
    )
    await days.run_once(conn, now=at("00:10"))
    found = await rows(
        conn, "SELECT day::text, seconds_up, seconds_down FROM health.component_day ORDER BY day"
    )
    assert found == [
        ("2026-11-18", 86400, 0),
        ("2026-11-19", 86400, 0),
        ("2026-11-20", 75600, 10800),
    ]


async def test_a_component_is_counted_from_its_first_transition(conn):
    component = await make_component(conn, "Orders")
    await make_transition(conn, "up", at=at("18:00", day="2026-11-20"), component_id=component)
    await days.run_once(conn, now=at("00:10"))
    found = await rows(conn, "SELECT day::text, seconds_up FROM health.component_day")
    assert found == [("2026-11-20", 21600)]


async def test_a_state_across_midnight_counts_on_both_days(conn):
    component = await make_component(conn, "Orders")
    await make_transition(conn, "down", at=at("23:00", day="2026-11-19"), component_id=component)
    await make_transition(
        conn, "up", was="down", at=at("01:00", day="2026-11-20"), component_id=component
    )
    await days.run_once(conn, now=at("00:10"))
    found = await rows(
        conn, "SELECT day::text, seconds_down FROM health.component_day ORDER BY day"
    )
    assert found == [("2026-11-19", 3600), ("2026-11-20", 3600)]


async def test_a_correction_that_comes_late_is_written_over(conn):
    component = await make_component(conn, "Orders")
    await make_transition(conn, "up", at=at("00:00", day="2026-11-20"), component_id=component)
    await days.run_once(conn, now=at("00:10"))
    await make_transition(
        conn, "down", was="up", at=at("12:00", day="2026-11-20"), component_id=component
    )
    await days.run_once(conn, now=at("00:20"))
    found = await rows(conn, "SELECT day::text, seconds_down FROM health.component_day")
    assert found == [("2026-11-20", 43200)]


async def test_days_on_which_no_server_ran_are_made_up_for(conn):
    component = await make_component(conn, "Orders")
    await make_transition(conn, "up", at=at("00:00", day="2026-11-15"), component_id=component)
    await days.run_once(conn, now=at("00:10", day="2026-11-16"))
    await days.run_once(conn, now=at("00:10"))
    found = await rows(conn, "SELECT day::text FROM health.component_day ORDER BY day")
    assert [day for (day,) in found] == [f"2026-11-{day}" for day in range(15, 21)]


async def test_what_a_spool_tells_of_days_ago_stands_in_those_days(conn):
    component = await make_component(conn, "Orders")
    await make_transition(conn, "up", at=at("00:00", day="2026-11-15"), component_id=component)
    await days.run_once(conn, now=at("00:10"))
    late = await make_transition(
        conn, "down", was="up", at=at("12:00", day="2026-11-16"), component_id=component
    )
    recorded = "UPDATE health.transition SET recorded_at = %s WHERE id = %s"
    await conn.execute(recorded, (at("00:15"), late))
    await days.run_once(conn, now=at("00:20"))
    found = await rows(
        conn, "SELECT seconds_down FROM health.component_day WHERE day <= '2026-11-17' ORDER BY day"
    )
    assert found == [(0,), (43200,), (86400,)]
