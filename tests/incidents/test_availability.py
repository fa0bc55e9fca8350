"""Availability, to the microsecond: the fifteen cases, each with its exact figure."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from tests.incidents.availability_world import blind, component, minutes, tell, when

from vedette.incidents.availability_rules import (
    Maintenance,
    Policy,
    Told,
    Unseen,
    availability,
    month_bounds,
)
from vedette.incidents.availability_share import mean, percent

NOVEMBER = date(2026, 11, 1)
LATER = datetime(2027, 6, 1, tzinfo=UTC)


async def told(conn, component_id, bounds, *, now=LATER, shielded=True) -> list[Told]:
    rows = await conn.execute(
        "SELECT nth, window_us, outage_us, major_us, minor_us, maintenance_us, unseen_us"
        " FROM incidents.told(%s, %s, %s, %s) ORDER BY nth",
        ([component_id], bounds, now, shielded),
    )
    return [Told(*times) for _, *times in await rows.fetchall()]


def exact(one: Told, policy=None) -> str:
    """The share in per cent to six places, to the nearest: the table's own figures."""
    found = availability(one, policy or Policy())
    return f"{float(round(Fraction(found.numerator * 100, found.denominator), 6)):.6f}"


async def share(conn, component_id, bounds, policy=None, **more) -> str:
    (only,) = await told(conn, component_id, bounds, **more)
    return exact(only, policy)


MONTH = month_bounds(NOVEMBER, 1, "UTC")  # 30 days
DAY = [when("2026-11-10"), when("2026-11-11")]


async def test_1_a_mixed_hour(conn):
    orders, start = await component(conn), when("2026-11-10T10:00")
    await tell(conn, orders, 1, start + minutes(10), start + minutes(40))
    await tell(conn, orders, 3, start + minutes(40), start + minutes(60))
    (hour,) = await told(conn, orders, [start, start + minutes(60)])
    assert percent(availability(hour, Policy()), 3) == "66.666"


async def test_2_weights_and_rounding_down(conn):
    orders = await component(conn)
    await tell(conn, orders, 3, when("2026-10-05"), when("2026-10-05") + minutes(60))
    await tell(conn, orders, 2, when("2026-10-09"), when("2026-10-09") + minutes(100))
    (october,) = await told(conn, orders, month_bounds(date(2026, 10, 1), 1, "UTC"))
    assert exact(october) == "99.798387"
    assert percent(availability(october, Policy())) == "99.79"


async def test_3_the_gravest_counts_once(conn):
    orders = await component(conn)
    await tell(conn, orders, 3, when("2026-11-10T10:00"), when("2026-11-10T11:00"))
    await tell(conn, orders, 2, when("2026-11-10T10:30"), when("2026-11-10T12:00"))
    (day,) = await told(conn, orders, DAY)
    assert (day.outage_us, day.major_us) == (3_600_000_000, 3_600_000_000)
    assert exact(day) == "94.583333"


@pytest.mark.parametrize(
    ("policy", "figure"),
    [
        (Policy(), "99.930556"),
        (Policy(maintenance=Maintenance.REMOVED), "99.930168"),
        (Policy(maintenance=Maintenance.COUNTS), "99.861111"),
    ],
)
async def test_4_a_maintenance_shields(conn, policy, figure):
    orders = await component(conn)
    await tell(conn, orders, 0, when("2026-11-10T10:00"), when("2026-11-10T14:00"))
    await tell(conn, orders, 3, when("2026-11-10T13:30"), when("2026-11-10T14:30"))
    shielded = policy.maintenance is not Maintenance.COUNTS
    assert await share(conn, orders, MONTH, policy, shielded=shielded) == figure


async def test_5_an_outage_over_the_end_of_a_month_is_charged_to_both(conn):
    orders = await component(conn)
    await tell(conn, orders, 3, when("2026-10-31T23:00"), when("2026-11-01T02:00"))
    both = await told(conn, orders, month_bounds(date(2026, 10, 1), 2, "UTC"))
    assert [exact(one) for one in both] == ["99.865591", "99.722222"]


def test_6_months_have_the_length_of_their_zone():
    def length(year, month):
        start, end = month_bounds(date(year, month, 1), 1, "Europe/Berlin")
        return (end.astimezone(UTC) - start.astimezone(UTC)) / minutes(1)

    assert [length(2026, 10), length(2026, 3), length(2026, 11)] == [44_700, 44_580, 43_200]


async def test_6_the_sum_knows_them_too(conn):
    (october,) = await told(
        conn, await component(conn), month_bounds(date(2026, 10, 1), 1, "Europe/Berlin")
    )
    assert october.window_us == 44_700 * 60_000_000


async def test_7_a_component_counts_from_its_birth(conn):
    orders = await component(conn, born="2026-11-16")
    await tell(conn, orders, 3, when("2026-11-20"), when("2026-11-20") + minutes(30))
    assert await share(conn, orders, MONTH) == "99.861111"


@pytest.mark.parametrize(
    ("unseen", "figure"),
    [(Unseen.EXCLUDED, "99.929577"), (Unseen.DOWN, "98.541667"), (Unseen.UP, "99.930556")],
)
async def test_8_what_we_could_not_see_is_neither(conn, unseen, figure):
    orders = await component(conn)
    await blind(conn, orders, when("2026-11-05"), when("2026-11-05") + minutes(600))
    await tell(conn, orders, 3, when("2026-11-20"), when("2026-11-20") + minutes(30))
    assert await share(conn, orders, MONTH, Policy(unseen=unseen)) == figure


@pytest.mark.parametrize(("lost_s", "figure"), [(240, "99.996914"), (1, "99.999987")])
async def test_9_and_10_a_little_is_not_nothing(conn, lost_s, figure):
    orders, start = await component(conn), when("2026-08-01")
    await tell(conn, orders, 3, start, start + timedelta(seconds=lost_s))
    (quarter,) = await told(conn, orders, [start, start + timedelta(days=90)])
    assert exact(quarter) == figure
    assert percent(availability(quarter, Policy())) == "99.99"


async def test_11_a_group_is_the_worst_of_it_or_its_mean(conn):
    a, b = await component(conn), await component(conn, "Stock")
    await tell(conn, a, 3, when("2026-11-10T00:00"), when("2026-11-10T01:00"))
    await tell(conn, b, 3, when("2026-11-10T00:30"), when("2026-11-10T01:30"))
    members = [(await told(conn, one, DAY))[0] for one in (a, b)]
    assert percent(mean([availability(one, Policy()) for one in members]), 6) == "95.833333"


async def test_12_an_open_outage_counts_until_now(conn):
    orders = await component(conn)
    await tell(conn, orders, 3, when("2026-11-09T12:00"), None)
    (day,) = await told(
        conn, orders, [when("2026-11-09"), when("2026-12-01")], now=when("2026-11-10")
    )
    assert (day.window_us, day.outage_us) == (86_400_000_000, 43_200_000_000)


async def test_13_the_same_outage_twice_is_one(conn):
    orders = await component(conn)
    for _ in range(2):
        await tell(conn, orders, 3, when("2026-11-10T10:00"), when("2026-11-10T20:00"))
    (month,) = await told(conn, orders, MONTH)
    assert month.outage_us == 36_000_000_000


def test_a_share_is_rounded_down_and_100_is_earned():
    assert percent(Fraction(1)) == "100"
    assert percent(Fraction(999_999_999, 1_000_000_000)) == "99.99"
    assert percent(Fraction(0)) == "0.00"
    assert percent(None) == "–"
