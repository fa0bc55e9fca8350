"""Error budgets: what may be lost, what was, and by which calendar."""

import doctest
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vedette.records import slo_rules
from vedette.records.model import Objective
from vedette.records.slo_rules import (
    Budget,
    Measured,
    Period,
    budget,
    calendar_period,
    loss,
    period_of,
    rolling,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
THIRTY = Period(NOW - timedelta(days=30), NOW)
MINUTE = timedelta(minutes=1)


def minutes(period: Period) -> float:
    return period.length / MINUTE


def of(*values: tuple[float, float | None]) -> list[Measured]:
    """Values by the days after the beginning of the thirty."""
    return [Measured(THIRTY.since + timedelta(days=day), value) for day, value in values]


@pytest.mark.parametrize(
    ("target", "allowed"),
    [(99.0, "432"), (99.5, "216"), (99.9, "43.2"), (99.95, "21.6"), (99.99, "4.32")],
)
def test_thirty_days_allow_exactly_what_the_target_leaves(target: float, allowed: str) -> None:
    found = budget([], target, THIRTY, now=NOW)
    assert found == Budget(Fraction(allowed), Fraction(0), None)


def test_no_data_is_neither_good_nor_bad() -> None:
    found = budget([], 99.9, THIRTY, now=NOW)
    assert (found.remaining_min, found.consumed, found.attained) == (None, None, None)


def test_a_value_stands_until_the_next() -> None:
    # A day at 99 % loses 14.4 minutes, a third of the 43.2; two at 100 % lose nothing.
    found = budget(of((0, 99.0), (1, 100), (3, None)), 99.9, THIRTY, now=NOW)
    assert found.lost_min == Fraction("14.4")
    assert found.consumed == Fraction(1, 3)
    assert found.remaining_min == Fraction("28.8")
    assert found.known_min == 3 * 24 * 60
    assert found.attained == Fraction(29900, 300)


def test_a_value_of_before_the_period_stands_into_it() -> None:
    found = budget(of((-1, 90.0), (0.5, None)), 99.0, THIRTY, now=NOW)
    assert (found.known_min, found.lost_min) == (720, 72)


def test_a_value_is_not_believed_for_ever() -> None:
    found = budget(of((0, 0.0)), 99.0, THIRTY, now=NOW, stands=timedelta(hours=6))
    assert (found.known_min, found.lost_min) == (360, 360)
    assert found.remaining_min == 432 - 360


def test_a_missed_objective_has_used_more_than_all() -> None:
    found = budget(of((0, 0.0), (1, None)), 99.0, THIRTY, now=NOW)
    assert found.remaining_min == 432 - 1440
    assert found.consumed == Fraction(1440, 432)


def test_of_a_running_period_only_the_past_counts() -> None:
    month = calendar_period("month", now=NOW)
    found = budget(
        [Measured(NOW - timedelta(hours=1), 50.0), Measured(NOW + timedelta(hours=1), 0.0)],
        99.9,
        month,
        now=NOW,
    )
    assert found.allowed_min == Fraction("43.2")
    assert (found.known_min, found.lost_min) == (60, 30)


@pytest.mark.parametrize(("value", "lost"), [(100.5, 0), (-3, 60), (99.999, Fraction("0.0006"))])
def test_a_value_beyond_the_scale_counts_as_its_end(value: float, lost: Fraction) -> None:
    hour = Period(NOW - timedelta(hours=1), NOW)
    assert budget([Measured(hour.since, value)], 99, hour, now=NOW).lost_min == lost


@given(
    st.lists(
        st.tuples(st.integers(-60, 300), st.none() | st.integers(0, 100)),
        max_size=8,
        unique_by=lambda pair: pair[0],
    ),
    st.integers(1, 90),
)
@settings(max_examples=50)
def test_the_sum_is_that_of_looking_every_minute(
    said: list[tuple[int, int | None]], stands: int
) -> None:
    hours = Period(NOW, NOW + timedelta(hours=4))
    values = [Measured(NOW + at * MINUTE, value) for at, value in said]
    lost, known = loss(values, hours, stands=stands * MINUTE)
    seen = []
    for minute in range(240):
        before = [pair for pair in said if pair[0] <= minute]
        at, value = max(before, default=(0, None), key=lambda pair: pair[0])
        if value is not None and minute < at + stands:
            seen.append(value)
    assert known == len(seen) * 60_000_000
    assert lost == sum(Fraction(100 - value, 100) for value in seen) * 60_000_000


@pytest.mark.parametrize(
    ("zone", "now", "length"),
    [
        ("Europe/Berlin", datetime(2026, 10, 10, tzinfo=UTC), 44_700),
        ("Europe/Berlin", datetime(2026, 3, 1, tzinfo=UTC), 44_580),
        ("Europe/Berlin", NOW, 43_200),
        ("UTC", datetime(2026, 10, 31, 23, 59, tzinfo=UTC), 44_640),
    ],
)
def test_a_month_is_as_long_as_its_zones_clocks_make_it(
    zone: str, now: datetime, length: int
) -> None:
    assert minutes(calendar_period("month", zone=zone, now=now)) == length


def test_a_month_begins_at_its_zones_midnight() -> None:
    late = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)
    assert calendar_period("month", zone="Europe/Berlin", now=late).since == datetime(
        2026, 10, 31, 23, tzinfo=UTC
    )
    assert calendar_period("month", now=late).since == datetime(2026, 10, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("unit", "count", "starts_at", "since", "until"),
    [
        ("week", 1, "", "2026-11-16T00:00", "2026-11-23T00:00"),
        ("quarter", 1, "", "2026-10-01T00:00", "2027-01-01T00:00"),
        ("year", 1, "", "2026-01-01T00:00", "2027-01-01T00:00"),
        ("day", 1, "", "2026-11-22T00:00", "2026-11-23T00:00"),
        ("month", 1, "2022-01-21T12:30:00", "2026-11-21T12:30", "2026-12-21T12:30"),
        ("month", 1, "2022-01-25T00:00:00", "2026-10-25T00:00", "2026-11-25T00:00"),
        ("month", 1, "2022-01-31T00:00:00", "2026-10-31T00:00", "2026-11-30T00:00"),
        ("month", 2, "2026-01-01T00:00:00", "2026-11-01T00:00", "2027-01-01T00:00"),
        ("month", 2, "2027-02-01T00:00:00", "2026-10-01T00:00", "2026-12-01T00:00"),
        ("week", 2, "2026-11-02T00:00:00", "2026-11-16T00:00", "2026-11-30T00:00"),
        ("minute", 1, "2022-01-01T12:00:00", "2026-11-22T12:00", "2026-11-22T12:01"),
        ("hour", 6, "2022-01-01T03:00:00", "2026-11-22T09:00", "2026-11-22T15:00"),
    ],
)
def test_periods_follow_from_where_one_of_them_began(
    unit: str, count: int, starts_at: str, since: str, until: str
) -> None:
    found = calendar_period(unit, count=count, starts_at=starts_at, now=NOW)
    assert found == Period(*(datetime.fromisoformat(f"{at}:00+00:00") for at in (since, until)))


@given(
    days=st.floats(0, 16_000),
    unit=st.sampled_from(["minute", "hour", "day", "week", "month", "quarter", "year"]),
    count=st.integers(1, 5),
    zone=st.sampled_from(["Europe/Berlin", "America/Havana", "Asia/Beirut", "Australia/Lord_Howe"]),
    starts_at=st.sampled_from(["", "2020-01-31T02:30:00", "2024-02-29T00:00:00"]),
)
@settings(max_examples=80)
def test_every_instant_lies_in_one_period_and_the_next_follows_at_once(
    days: float, unit: str, count: int, zone: str, starts_at: str
) -> None:
    at = datetime(1990, 1, 1, tzinfo=UTC) + timedelta(days=days)
    found = calendar_period(unit, count=count, zone=zone, starts_at=starts_at, now=at)
    assert found.since <= at < found.until
    after = calendar_period(unit, count=count, zone=zone, starts_at=starts_at, now=found.until)
    assert after.since == found.until


def test_an_objective_is_counted_in_its_own_period() -> None:
    one = Objective("o", "shop", "d", "openslo", 99.9, 28 * 86_400)
    assert period_of(one, now=NOW) == rolling(timedelta(days=28), now=NOW)
    month = Objective("o", "shop", "d", "openslo", 99.9, 0, calendar="month", zone="Europe/Berlin")
    assert minutes(period_of(month, now=NOW)) == 43_200


def test_the_worked_examples_are_right() -> None:
    assert doctest.testmod(slo_rules).failed == 0
