"""Maintenances that come again: planned ahead, skipped and moved one by one, changed for the future."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st
from tests.factories import at, make_component

from vedette.errors import Conflict, Invalid
from vedette.incidents.conduct import cancel
from vedette.incidents.maintenance_rules import steps
from vedette.incidents.model import Impact, Incident, Kind, Origin, Status
from vedette.incidents.plan import Replan, modify
from vedette.incidents.reads import incident
from vedette.incidents.series import Wish, begin_series, change_series, end_series
from vedette.incidents.series_rules import (
    AHEAD,
    checked_schedule,
    instant_of,
    paired,
    starts,
    zone_of,
)
from vedette.incidents.tick import run_once

NOW = at("12:00")
ADA = {"by": "person:ada", "now": NOW}
BERLIN = "Europe/Berlin"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
INSTANTS = st.integers(0, 1461 * 24 * 60).map(
    lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
WALLS = st.integers(0, 1461 * 24 * 4).map(
    lambda quarters: datetime(2025, 1, 1) + timedelta(minutes=15 * quarters)  # noqa: DTZ001 - a wall clock's
)
ZONES = st.sampled_from(
    ["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo"]
)


def weekly(*components: int, **given) -> Wish:
    return Wish(
        **{
            "title": "Patches",
            "schedule": "0 2 * * WED",
            "zone": BERLIN,
            "lasts": 2 * HOUR,
            "components": components,
        }
        | given
    )


async def occurrences(conn, number: int) -> list[tuple]:
    rows = await conn.execute(
        "SELECT id, starts_at, status, occurrence_at FROM incidents.incident WHERE series_id = %s"
        " ORDER BY starts_at, id",
        (number,),
    )
    return await rows.fetchall()


async def planned(conn, number: int) -> list[datetime]:
    return [row[1] for row in await occurrences(conn, number) if row[2] == "planned"]


# ── times ────────────────────────────────────────────────────────────────────────────────────────


def test_half_past_two_keeps_its_hour_over_both_changes_of_clocks():
    def of(first, last):
        found = starts("30 2 * * *", BERLIN, after=at("23:00", day=first), to=at("23:00", day=last))
        return [f"{one:%m-%d %H:%M}" for one in found]

    # In spring 02:30 is skipped: it comes when the clocks jump, at 03:00 (01:00 UTC).
    assert of("2026-03-27", "2026-03-30") == ["03-28 01:30", "03-29 01:00", "03-30 00:30"]
    # In autumn 02:30 comes twice: the first counts.
    assert of("2026-10-23", "2026-10-26") == ["10-24 00:30", "10-25 00:30", "10-26 01:30"]


def test_it_begins_after_the_doubled_hour_without_doing_it_again():
    between = datetime(2026, 10, 25, 0, 45, tzinfo=UTC)
    found = starts("30 2 * * *", BERLIN, after=between, to=between + DAY)
    assert found == []
    assert starts("30 2 * * *", BERLIN, after=between, to=between + 2 * DAY) == [
        datetime(2026, 10, 26, 1, 30, tzinfo=UTC)
    ]


def test_month_ends_and_leap_days():
    found = starts(
        "0 2 L * *", "UTC", after=at("00:00", day="2028-01-15"), to=at("00:00", day="2028-03-15")
    )
    assert [one.day for one in found] == [31, 29]


@settings(max_examples=60, deadline=None)
@examples(
    st.integers(0, 59),
    st.integers(0, 23),
    ZONES,
    INSTANTS,
)
def test_a_daily_one_comes_once_a_day_whatever_the_clocks_do(minute, hour, zone, after):
    found = starts(f"{minute} {hour} * * *", zone, after=after, to=after + AHEAD)
    days = [one.astimezone(zone_of(zone)).date() for one in found]
    assert days == sorted(set(days))
    assert 59 <= len(days) <= 61
    assert all(after < one <= after + AHEAD for one in found)
    wall = [one.astimezone(zone_of(zone)) for one in found]
    on_time = [one for one in wall if (one.hour, one.minute) == (hour, minute)]
    assert len(on_time) >= len(found) - 2


@settings(max_examples=60, deadline=None)
@examples(INSTANTS, st.integers(1, 58), ZONES)
def test_planning_in_two_steps_is_planning_in_one(after, cut, zone):
    to, middle = after + AHEAD, after + timedelta(days=cut, hours=2, minutes=17)
    rule = "30 2,14 * * *"
    halves = starts(rule, zone, after=after, to=middle) + starts(rule, zone, after=middle, to=to)
    assert halves == starts(rule, zone, after=after, to=to)


@settings(max_examples=100, deadline=None)
@examples(WALLS, ZONES)
def test_a_time_on_the_wall_is_read_back_or_refused(wall, zone):
    try:
        found = instant_of(wall.isoformat(), zone)
    except Invalid as refused:
        assert "skip" in str(refused) or "twice" in str(refused)
    else:
        assert found.astimezone(zone_of(zone)).replace(tzinfo=None) == wall


def test_times_the_clocks_skip_or_show_twice_are_refused_with_the_way_out():
    with pytest.raises(Invalid, match="skip"):
        instant_of("2026-03-29 02:30", BERLIN)
    with pytest.raises(Invalid, match=r"\+0200 or \+0100"):
        instant_of("2026-10-25 02:30", BERLIN)
    assert instant_of("2026-10-25T02:30+01:00") == at("01:30", day="2026-10-25")


@examples(st.text(max_size=60), st.text(max_size=60))
def test_hostile_times_and_zones_are_refused_and_nothing_else(text, zone):
    for attempt in (lambda: instant_of(text, zone), lambda: zone_of(zone)):
        with suppress(Invalid):
            attempt()


@pytest.mark.parametrize(
    "zone", ["../../etc/passwd", "/etc/localtime", "Europe", "", "a\0b", "utc "]
)
def test_no_zone_is_a_path(zone):
    with pytest.raises(Invalid, match="no time zone"):
        zone_of(zone)


@settings(max_examples=200, deadline=None)
@examples(st.text("0123456789*/-,L# MONSU", max_size=40))
def test_hostile_schedules_are_refused_or_come_seldom(text):
    try:
        words = checked_schedule(text, "UTC", HOUR, now=NOW)
    except Invalid:
        return
    assert len(starts(words, "UTC", after=NOW, to=NOW + AHEAD)) <= 24 * 61


@pytest.mark.parametrize(
    ("schedule", "lasts", "why"),
    [
        ("* * * * *", timedelta(minutes=1), "within the hour"),
        ("0 2 * * *", 25 * HOUR, "before it is over"),
        ("0 0 30 2 *", HOUR, "no schedule"),
        ("0 0 2 * * *", HOUR, "five fields"),
        ("0 2 * * *", timedelta(0), "a minute at least"),
        ("0 2 1 * *", timedelta(days=32), "31 days"),
    ],
)
def test_schedules_that_cannot_be_are_refused(schedule, lasts, why):
    with pytest.raises(Invalid, match=why):
        checked_schedule(schedule, BERLIN, lasts, now=NOW)


@settings(max_examples=60)
@examples(
    st.lists(st.integers(0, 200), unique=True, max_size=30),
    st.lists(st.integers(0, 200), unique=True, max_size=30),
)
def test_pairing_loses_nothing_and_invents_nothing(held, wanted):
    old = [(NOW + hour * HOUR, hour) for hour in held]
    new = sorted(NOW + hour * HOUR for hour in wanted)
    moves, left_over, fresh = paired(old, new, BERLIN)
    assert sorted([one for one, _ in moves] + left_over) == sorted(held)
    assert sorted([place for _, place in moves] + fresh) == new
    here = zone_of(BERLIN)
    for one, place in moves:
        was = NOW + one * HOUR
        assert was.astimezone(here).date() == place.astimezone(here).date()


def maintenance(starts_at, ends_at, **given) -> Incident:
    nothing = dict.fromkeys(
        ("publish_at", "revised_at", "merged_into", "series_id", "occurrence_at", "postmortem_at")
    )
    return Incident(
        **{
            **nothing,
            "id": 1,
            "kind": Kind.MAINTENANCE,
            "title": "x",
            "description": "",
            "impact": Impact.MAINTENANCE,
            "status": Status.PLANNED,
            "origin": Origin.PERSON,
            "system": False,
            "starts_at": starts_at,
            "ends_at": ends_at,
            "published_at": NOW,
            "postmortem": "",
            "version": 1,
            "made_at": NOW,
            "made_by": "x",
            "changed_at": NOW,
            "is_open": True,
        }
        | given
    )


@examples(st.integers(-100, 100), st.integers(1, 100), st.lists(st.integers(-150, 250), max_size=8))
def test_whenever_the_clock_is_looked_at_the_story_is_the_same(start, lasts, looks):
    held = maintenance(NOW + start * HOUR, NOW + (start + lasts) * HOUR)
    end = NOW + timedelta(hours=300)
    told = []
    for now in [*sorted(NOW + look * HOUR for look in looks), end]:
        for status, when in steps(held, now=now):
            told.append((status, when))
            held = replace(held, status=status)
    assert told == [
        (Status.IN_PROGRESS, held.starts_at),
        (Status.COMPLETED, held.ends_at),
    ]
    assert steps(held, now=end) == []


# ── the verbs ────────────────────────────────────────────────────────────────────────────────────


async def test_a_series_stands_sixty_days_ahead_and_the_loop_moves_it_on(conn):
    number = await begin_series(conn, weekly(await make_component(conn)), **ADA)
    first = await planned(conn, number)
    assert len(first) == 9
    assert first[0] == at("01:00", day="2026-11-25")
    assert await run_once(conn, now=NOW + HOUR) == 0
    await run_once(conn, now=NOW + 7 * DAY)
    rows = await occurrences(conn, number)
    assert rows[0][2] == "completed"
    assert (await planned(conn, number))[-1] == first[-1] + 7 * DAY


async def test_what_was_missed_is_not_made_up_for(conn):
    number = await begin_series(conn, weekly(await make_component(conn)), **ADA)
    later = NOW + timedelta(days=200)
    await run_once(conn, now=later)
    rows = await occurrences(conn, number)
    assert [row[1] for row in rows if NOW + AHEAD < row[1] < later] == []
    assert len([row for row in rows if row[2] == "completed"]) == 9
    assert len(await planned(conn, number)) in (8, 9)


async def test_it_ends_where_its_author_said(conn):
    wish = weekly(await make_component(conn), until_at=NOW + 15 * DAY)
    number = await begin_series(conn, wish, **ADA)
    await run_once(conn, now=NOW + 14 * DAY)
    assert len(await occurrences(conn, number)) == 2


async def test_a_skipped_night_stays_skipped_and_a_moved_one_moved(conn):
    number = await begin_series(conn, weekly(await make_component(conn)), **ADA)
    (skipped, when, *_), (moved, *_), (third, *_) = (await occurrences(conn, number))[:3]
    await cancel(conn, skipped, **ADA)
    elsewhere = at("20:00", day="2026-12-03")
    await modify(conn, moved, Replan(starts_at=elsewhere), **ADA)
    await change_series(conn, number, **ADA, schedule="0 4 * * WED")
    assert (await incident(conn, skipped)).status is Status.CANCELLED
    assert (await incident(conn, moved)).starts_at == elsewhere
    assert (await incident(conn, third)).starts_at == at("03:00", day="2026-12-09")
    assert when + 2 * HOUR not in await planned(conn, number)
    assert len(await occurrences(conn, number)) == 9


async def test_another_day_cancels_and_plans_anew(conn):
    number = await begin_series(conn, weekly(await make_component(conn)), **ADA)
    await change_series(conn, number, **ADA, schedule="0 2 * * THU", title="Patches, Thursdays")
    rows = await occurrences(conn, number)
    assert [row[2] for row in rows].count("cancelled") == 9
    assert {one.astimezone(zone_of(BERLIN)).weekday() for one in await planned(conn, number)} == {3}
    assert len(await planned(conn, number)) == 8


async def test_swapping_hours_on_one_day_meets_no_collision(conn):
    wish = weekly(await make_component(conn), schedule="0 2,6 * * *", lasts=HOUR)
    number = await begin_series(conn, wish, **ADA)
    count = len(await planned(conn, number))
    await change_series(conn, number, **ADA, schedule="0 6,10 * * *")
    assert len(await planned(conn, number)) == count
    hours = {one.astimezone(zone_of(BERLIN)).hour for one in await planned(conn, number)}
    assert hours == {6, 10}


async def test_new_components_go_to_what_has_not_begun(conn):
    orders, stock = await make_component(conn), await make_component(conn, "Stock")
    number = await begin_series(conn, weekly(orders), **ADA)
    await change_series(conn, number, **ADA, components=[stock])
    rows = await conn.execute("SELECT DISTINCT component_id FROM incidents.affected")
    assert await rows.fetchall() == [(stock,)]


async def test_an_ended_series_takes_its_plans_with_it(conn):
    number = await begin_series(conn, weekly(await make_component(conn)), **ADA)
    await end_series(conn, number, **ADA)
    assert await planned(conn, number) == []
    await run_once(conn, now=NOW + 30 * DAY)
    assert len(await occurrences(conn, number)) == 9
    with pytest.raises(Conflict, match="has ended"):
        await change_series(conn, number, **ADA, title="x")


async def test_two_editors_of_a_series_meet(conn):
    number = await begin_series(conn, weekly(await make_component(conn)), **ADA)
    await change_series(conn, number, **ADA, title="One", version=1)
    with pytest.raises(Conflict, match="changed meanwhile"):
        await change_series(conn, number, **ADA, title="Two", version=1)


async def test_whoever_is_retired_is_planned_no_more(conn):
    orders = await make_component(conn)
    number = await begin_series(conn, weekly(orders), **ADA)
    await conn.execute("UPDATE fleet.component SET retired_at = now() WHERE id = %s", (orders,))
    await run_once(conn, now=NOW + 30 * DAY)
    assert len(await occurrences(conn, number)) == 9


async def test_a_start_at_its_very_beginning_counts(conn):
    begin = at("01:00", day="2026-12-02")
    wish = weekly(await make_component(conn), from_at=begin)
    number = await begin_series(conn, wish, **ADA)
    assert (await planned(conn, number))[0] == begin


async def test_its_end_takes_also_what_was_moved_by_hand(conn):
    number = await begin_series(conn, weekly(await make_component(conn)), **ADA)
    first = (await occurrences(conn, number))[0][0]
    await modify(conn, first, Replan(starts_at=NOW + 20 * DAY), **ADA)
    await change_series(conn, number, **ADA, schedule="0 2 * * THU")
    assert (await incident(conn, first)).is_open
    await end_series(conn, number, by="person:ada", now=NOW + 5 * DAY)
    assert await planned(conn, number) == []


async def test_a_series_outlives_one_of_its_components(conn):
    orders, stock = await make_component(conn), await make_component(conn, "Stock")
    number = await begin_series(conn, weekly(orders, stock), **ADA)
    await conn.execute("UPDATE fleet.component SET retired_at = now() WHERE id = %s", (orders,))
    await change_series(conn, number, **ADA, title="Newer patches")
    rows = await conn.execute(
        "SELECT DISTINCT i.title, a.component_id FROM incidents.incident i"
        " JOIN incidents.affected a ON a.incident_id = i.id"
    )
    assert await rows.fetchall() == [("Newer patches", stock)]
