"""The calendar of maintenance: what is on and what comes, and a month as a grid."""

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from vedette.errors import Invalid
from vedette.web.reader import N_, gettext, reading
from vedette.web.stories import Card, card
from vedette.web.told import Story
from vedette.web.words import day_of, month_of
from vedette.web.zones import zone

MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
FIRST_YEAR, LAST_YEAR = 2000, 2100
STORIES_LIMIT = 200
CALENDAR = calendar.Calendar()
WEEKDAYS = N_("Mon Tue Wed Thu Fri Sat Sun")


@dataclass(frozen=True, slots=True)
class Work:
    """A maintenance on one day; when: its hours on that day."""

    card: Card
    when: str


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the grid; is_other: it belongs to a month beside."""

    number: int
    name: str
    is_other: bool
    is_today: bool
    works: list[Work]


@dataclass(frozen=True, slots=True)
class MaintenancePage:
    """The whole page; earlier, later: the months beside it as `2026-11`, "" at the ends of time."""

    open: list[Card]
    upcoming: list[Card]
    month: str
    earlier: str
    later: str
    weekdays: list[str]
    weeks: list[list[Day]]


def month_asked(text: str, *, now: datetime) -> date:
    """Return the first day of the month asked for as `2026-11`, today's for ""; raises Invalid."""
    if not text:
        return reading().local(now).date().replace(day=1)
    found = MONTH.fullmatch(text)
    if found is None or not FIRST_YEAR <= int(found[1]) <= LAST_YEAR:
        raise Invalid(f"there is no month {text[:20]!a}", hint="write it as 2026-11")
    return date(int(found[1]), int(found[2]), 1)


def grid_bounds(month: date) -> tuple[datetime, datetime]:
    """Return when the grid of that month begins and ends, on the reader's clock."""
    weeks = CALENDAR.monthdatescalendar(month.year, month.month)
    return _midnight(weeks[0][0]), _midnight(weeks[-1][-1] + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone(reading().zone))


def maintenance_page(
    coming: Sequence[Story], planned: Sequence[Story], month: date, *, now: datetime
) -> MaintenancePage:
    """Return the page; coming: all that is not over, planned: what touches the month's grid."""
    coming = sorted(coming, key=lambda story: (story.starts_at, story.id))
    today = reading().local(now).date()
    # What was cancelled takes no place in the grid.
    works = [(story, card(story)) for story in planned[::-1] if story.status != "cancelled"]
    return MaintenancePage(
        open=[card(story) for story in coming if story.starts_at <= now],
        upcoming=[card(story) for story in coming if story.starts_at > now],
        month=month_of(month),
        earlier=_beside(month, -1),
        later=_beside(month, 1),
        weekdays=gettext(WEEKDAYS).split(),
        weeks=[
            [_day(day, month, today, works) for day in week]
            for week in CALENDAR.monthdatescalendar(month.year, month.month)
        ],
    )


def _beside(month: date, step: int) -> str:
    nth = month.year * 12 + month.month - 1 + step
    year, number = divmod(nth, 12)
    return f"{year}-{number + 1:02}" if FIRST_YEAR <= year <= LAST_YEAR else ""


def _day(day: date, month: date, today: date, works: Sequence[tuple[Story, Card]]) -> Day:
    return Day(
        number=day.day,
        name=day_of(day),
        is_other=day.month != month.month,
        is_today=day == today,
        works=[Work(one, hours) for story, one in works if (hours := _hours(story, day))],
    )


def _hours(story: Story, day: date) -> str:
    """Return its hours on that day as `22:00–24:00`, "" when it does not touch it."""
    begins, ends = _midnight(day), _midnight(day + timedelta(days=1))
    if story.ends_at is None or story.starts_at >= ends or story.ends_at <= begins:
        return ""
    local = reading().local
    start = "00:00" if story.starts_at <= begins else f"{local(story.starts_at):%H:%M}"
    end = "24:00" if story.ends_at >= ends else f"{local(story.ends_at):%H:%M}"
    return f"{start}–{end}"
