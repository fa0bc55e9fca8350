"""What an objective allows, and what has been used of it: periods and error budgets.

A measured value stands until the next, and no longer than it is believed; the rest is *no data*, which is neither good
nor bad and never 100 %. The budget of a period is (100 − target) % of its whole length; lost is each stretch of time
weighed with what its value lacks to 100 %. Sums are exact.
"""

from calendar import monthrange
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import zip_longest
from zoneinfo import ZoneInfo

from vedette.records.model import Objective

STANDS = timedelta(days=2)
"""How long a value is believed when none follows: collectors of daily values are late by hours, not by days."""
MICROSECOND = timedelta(microseconds=1)
MINUTE_US = 60_000_000
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_DAYS = {"day": 1, "week": 7}
_LENGTHS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a local time of whatever zone is asked for
_MONDAY = datetime(1970, 1, 5)  # noqa: DTZ001 - a local time, too


@dataclass(frozen=True, slots=True)
class Measured:
    """What an indicator was from a time on. value: per cent; None is "no data from here on"."""

    at: datetime
    value: float | None


@dataclass(frozen=True, slots=True)
class Period:
    """From `since`, before `until`."""

    since: datetime
    until: datetime

    @property
    def length(self) -> timedelta:
        """How long it is, a shifted clock included."""
        return self.until - self.since


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be lost in a period, and what was.

    allowed_min: minutes that may be lost in the whole period. known_min: minutes so far of which there is data.
    lost_min: minutes lost in those; None where nothing is known.
    """

    allowed_min: Fraction
    known_min: Fraction
    lost_min: Fraction | None

    @property
    def remaining_min(self) -> Fraction | None:
        """What is left, below 0 when the objective is missed; None where nothing is known."""
        return None if self.lost_min is None else self.allowed_min - self.lost_min

    @property
    def consumed(self) -> Fraction | None:
        """The share of the budget that is used, above 1 when the objective is missed."""
        return None if self.lost_min is None else self.lost_min / self.allowed_min

    @property
    def attained(self) -> Fraction | None:
        """What the indicator was over the time known, in per cent."""
        return None if self.lost_min is None else 100 * (1 - self.lost_min / self.known_min)


def budget(
    values: Iterable[Measured],
    target: float,
    period: Period,
    *,
    now: datetime,
    stands: timedelta = STANDS,
) -> Budget:
    """Return the budget of a period until now; target in per cent, above 0 and below 100."""
    lost_us, known_us = loss(values, Period(period.since, min(period.until, now)), stands=stands)
    return Budget(
        allowed_share(target) * microseconds(period.length) / MINUTE_US,
        Fraction(known_us, MINUTE_US),
        lost_us / MINUTE_US if known_us else None,
    )


def loss(
    values: Iterable[Measured], period: Period, *, stands: timedelta = STANDS
) -> tuple[Fraction, int]:
    """Return (weighted time lost, time known) within a period, in microseconds."""
    lost, known = Fraction(0), 0
    for value, length in _stretches(values, period, stands):
        lost += length * _badness(value)
        known += length
    return lost, known


def _stretches(
    values: Iterable[Measured], period: Period, stands: timedelta
) -> Iterator[tuple[float, int]]:
    """Yield each value with the microseconds of the period in which it stands."""
    ordered = sorted(values, key=lambda measured: measured.at)
    for measured, following in zip_longest(ordered, ordered[1:]):
        end = following.at if following else period.until
        since = max(measured.at, period.since)
        until = min(end, measured.at + stands, period.until)
        if measured.value is not None and since < until:
            yield measured.value, microseconds(until - since)


def _badness(value: float) -> Fraction:
    """Return the share that a value in per cent lacks, from 0 to 1; one above 100 lacks nothing."""
    return min(max(1 - Fraction(str(value)) / 100, Fraction(0)), Fraction(1))


def allowed_share(target: float) -> Fraction:
    """Return the share that may be bad, exactly as the target is written.

    >>> allowed_share(99.9)
    Fraction(1, 1000)
    """
    return 1 - Fraction(str(target)) / 100


def microseconds(length: timedelta) -> int:
    """Return a length in microseconds, exactly."""
    return length // MICROSECOND


def rolling(length: timedelta, *, now: datetime) -> Period:
    """Return the period of that length that ends now."""
    return Period(now - length, now)


def period_of(objective: Objective, *, now: datetime) -> Period:
    """Return the period in which an objective is counted now."""
    if not objective.calendar:
        return rolling(timedelta(seconds=objective.window_s), now=now)
    return calendar_period(
        objective.calendar,
        zone=objective.zone,
        count=objective.calendar_count,
        starts_at=objective.starts_at,
        now=now,
    )


def calendar_period(
    unit: str, *, now: datetime, zone: str = "UTC", count: int = 1, starts_at: str = ""
) -> Period:
    """Return the calendar's period that holds now: `count` units (`month`, …) by the clocks of a zone.

    Periods begin at midnight, a week's on Monday, unless one is known to begin at `starts_at` (a local time); what
    begins on a day that a month lacks begins on its last.
    """
    place = ZoneInfo(zone or "UTC")
    first = (
        datetime.fromisoformat(starts_at) if starts_at else _MONDAY if unit == "week" else _EPOCH
    )
    if unit in _LENGTHS:
        return _fixed(first.replace(tzinfo=place).astimezone(UTC), _LENGTHS[unit] * count, now)
    local = now.astimezone(place).replace(tzinfo=None)
    if unit in _DAYS:
        number = (local - first) // timedelta(days=_DAYS[unit] * count)
    else:
        months = (local.year - first.year) * 12 + local.month - first.month
        number = months // (_MONTHS[unit] * count)
        if _begin(first, unit, number * count) > local:
            number -= 1
    since, until = (_begin(first, unit, n * count) for n in (number, number + 1))
    return Period(*(at.replace(tzinfo=place).astimezone(UTC) for at in (since, until)))


def _fixed(first: datetime, length: timedelta, now: datetime) -> Period:
    # Hours and minutes are counted, not read from a clock: the hour that a clock shows twice is two.
    since = first + (now - first) // length * length
    return Period(since, since + length)


def _begin(first: datetime, unit: str, number: int) -> datetime:
    """Return the local time that lies so many units after (or before) the first."""
    if unit in _DAYS:
        return first + timedelta(days=_DAYS[unit] * number)
    year, month = divmod(first.year * 12 + first.month - 1 + _MONTHS[unit] * number, 12)
    day = min(first.day, monthrange(year, month + 1)[1])
    return first.replace(year=year, month=month + 1, day=day)
